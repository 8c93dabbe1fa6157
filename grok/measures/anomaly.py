"""Frequency contributions to each example's logit, and whether an anomaly score detects wrong labels."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from grok.measures.addition import class_logits, pair_indices, residues, validate_addition
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.modular import attribution
from grok.tasks.task import Task

# The profiles of this many test examples are recorded, the first in the order of the split: 450 kB for 56 frequencies.
MAX_PREDICTIONS = 4096


class Anomaly(Measure):
    """The AUROC of the anomaly score as a detector of wrong training labels (`task.label_noise`).

    The last evaluation adds the score and the frequency contributions of each example: of all training examples for the
    label's logit, and of test examples for the predicted class's logit. They show the mechanism behind a prediction.
    """

    needs_outputs: ClassVar = True
    needs_float64: ClassVar = True

    def validate(self, task: Task, model: Model) -> None:
        validate_addition(task, model)

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        contributions = attribution.contributions(class_logits(snapshot, snapshot.train), snapshot.train.targets)
        is_wrong = snapshot.train.targets != residues(snapshot)[pair_indices(snapshot, snapshot.train)]
        return {
            "anomaly_auroc": Quantity(
                attribution.auroc(attribution.anomaly(attribution.profile(contributions)), is_wrong),
                "AUROC of the anomaly score for wrong labels",
                chart="anomaly",
            ),
            "contribution": Quantity(
                contributions.mean(-2),
                "contribution to the label's logit",
                dims=("frequency",),
                coordinates={"frequency": range(1, contributions.shape[-1] + 1)},
            ),
        }

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        train, test = snapshot.train, class_logits(snapshot, snapshot.test)[:, :MAX_PREDICTIONS]
        predicted, first, title = test.argmax(-1), slice(test.shape[1]), "index a · p + b of the pair"
        is_correct = snapshot.test.correct[:, first].to(torch.int8)
        return {
            "training_pair": _per_example("training_example", pair_indices(snapshot, train), title),
            **_profiles(
                "training_example",
                "anomaly_score",
                "example_contribution",
                class_logits(snapshot, train),
                train.targets,
            ),
            "test_pair": _per_example("test_example", pair_indices(snapshot, snapshot.test)[:, first], title),
            "prediction": _per_example("test_example", predicted, "predicted class"),
            "prediction_is_correct": _per_example("test_example", is_correct, "whether the prediction is correct"),
            **_profiles("test_example", "prediction_anomaly_score", "prediction_contribution", test, predicted),
        }


def _per_example(example: str, values: Tensor, title: str) -> Quantity:
    """One number per example, along the axis `example`."""
    return Quantity(values, title, dims=(example,), coordinates={example: range(values.shape[1])})


def _profiles(example: str, score: str, contribution: str, outputs: Tensor, classes: Tensor) -> dict[str, Quantity]:
    """Each frequency's contribution to the logit of each example's class, and the anomaly score of each example."""
    contributions = attribution.contributions(outputs, classes)
    _, n_examples, n_frequencies = contributions.shape
    scores = attribution.anomaly(attribution.profile(contributions))
    return {
        score: _per_example(example, scores, "anomaly score of the example"),
        contribution: Quantity(
            contributions.half(),
            "contribution of each frequency to the example's logit",
            dims=(example, "frequency"),
            coordinates={example: range(n_examples), "frequency": range(1, n_frequencies + 1)},
        ),
    }
