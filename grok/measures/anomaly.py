"""Which frequencies make up an example's logit, and whether the odd ones are those with wrong labels."""

from __future__ import annotations

import torch
from torch import Tensor

from grok.measures.addition import adds_by_transformer, outputs_of, pair_numbers, residues
from grok.measures.look import Look
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import attribution

PREDICTIONS = 4096  # test examples whose profiles are kept, the first of the split's order: of 56 frequencies 450 kB


class Anomaly:
    """The AUROC of the anomaly score for training labels that are wrong (`task.corrupted`); at the last look, the score
    and the contributions of every training example, to its label's logit, and of test examples, to the logit of the
    class that is predicted: by which mechanism it came to that."""

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
        train, test = look.train, outputs_of(look.test)[:, :PREDICTIONS]
        predicted, kept, title = test.argmax(-1), slice(test.shape[1]), "number a · p + b of the pair"
        return {
            "training_pair": _of_each("training_example", pair_numbers(look, train), title),
            **_profiles("training_example", "anomaly_score", "example_contribution", outputs_of(train), train.targets),
            "test_pair": _of_each("test_example", pair_numbers(look, look.test)[:, kept], title),
            "prediction": _of_each("test_example", predicted, "class that is predicted"),
            "prediction_is_correct": _of_each(
                "test_example", look.test.correct[:, kept].to(torch.int8), "whether the prediction is correct"
            ),
            **_profiles("test_example", "prediction_anomaly_score", "prediction_contribution", test, predicted),
        }


def _of_each(example: str, values: Tensor, title: str) -> Labelled:
    """A number of each example of a part of the data."""
    return Labelled(values, title, dims=(example,), coordinates={example: range(values.shape[1])})


def _profiles(example: str, score: str, contribution: str, outputs: Tensor, classes: Tensor) -> dict[str, Labelled]:
    """What each frequency adds to each example's logit of a class, and how unusual its profile is among the others'."""
    parts = attribution.contributions(outputs, classes)
    _, n_examples, n_frequencies = parts.shape
    return {
        score: _of_each(example, attribution.anomaly(attribution.profile(parts)), "anomaly score of the example"),
        contribution: Labelled(
            parts.half(),
            "contribution of each frequency to the example's logit",
            dims=(example, "frequency"),
            coordinates={example: range(n_examples), "frequency": range(1, n_frequencies + 1)},
        ),
    }
