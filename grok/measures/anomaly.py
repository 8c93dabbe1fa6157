"""Which frequencies make up a training example's own logit, and whether the odd ones are those with wrong labels."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from grok.measures.circuit import adds_by_transformer, residues
from grok.measures.look import Evaluation, Look
from grok.records.labelled import Labelled
from grok.science import attribution


class Anomaly:
    """The AUROC of the anomaly score for training labels that are wrong (`task.corrupted`); at the last look, the score
    and the contributions of every training example."""

    needs_outputs = True
    check = staticmethod(adds_by_transformer)

    def __call__(self, look: Look) -> dict[str, Labelled]:
        parts = _contributions(look.train)
        planted = look.train.targets != residues(look)[look.train.rows % _n_pairs(look)]
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

    def last(self, look: Look) -> dict[str, Labelled]:
        parts = _contributions(look.train)
        examples = range(parts.shape[1])
        frequencies = range(1, parts.shape[-1] + 1)
        return {
            "training_pair": Labelled(
                look.train.rows % _n_pairs(look),
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


def _contributions(train: Evaluation) -> Float[Tensor, "replica example frequency"]:
    assert train.outputs is not None, "a measure that needs outputs says so"
    return attribution.contributions(train.outputs, train.targets)


def _n_pairs(look: Look) -> int:
    return look.train.rows.shape[1] + look.test.rows.shape[1]
