"""Which frequencies make up a training example's own logit, and whether the odd ones are those with wrong labels."""

from __future__ import annotations

from grok.measures.circuit import adds_by_transformer, outputs_of, pair_numbers, residues
from grok.measures.look import Look
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import attribution


class Anomaly:
    """The AUROC of the anomaly score for training labels that are wrong (`task.corrupted`); at the last look, the score
    and the contributions of every training example."""

    needs_outputs = True
    needs_float64 = True
    check = staticmethod(adds_by_transformer)

    def __call__(self, look: Look) -> dict[str, Labelled]:
        parts = attribution.contributions(outputs_of(look.train), look.train.targets)
        planted = look.train.targets != residues(look)[pair_numbers(look, look.train)]
        return {
            "anomaly_auroc": Labelled(
                attribution.auroc(attribution.anomaly(attribution.profile(parts)), planted),
                "AUROC of the anomaly score for wrong labels",
                chart="anomaly",
            ),
            "contribution": Labelled(
                parts.mean(-2),
                "contribution to the label's logit",
                dims=("frequency",),
                coordinates={"frequency": range(1, parts.shape[-1] + 1)},
            ),
        }

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        parts = attribution.contributions(outputs_of(look.train), look.train.targets)
        examples = range(parts.shape[1])
        frequencies = range(1, parts.shape[-1] + 1)
        return {
            "training_pair": Labelled(
                pair_numbers(look, look.train),
                "number a · p + b of the training example's pair",
                dims=("training_example",),
                coordinates={"training_example": examples},
            ),
            "anomaly_score": Labelled(
                attribution.anomaly(attribution.profile(parts)),
                "anomaly score of the training example",
                dims=("training_example",),
                coordinates={"training_example": examples},
            ),
            "example_contribution": Labelled(
                parts.half(),
                "contribution of each frequency to the training example's logit",
                dims=("training_example", "frequency"),
                coordinates={"training_example": examples, "frequency": frequencies},
            ),
        }
