"""A snapshot: what measures see at an evaluation step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from grok.random_streams import RandomStreams
from grok.records.quantity import Quantity
from grok.tasks.task import Task


@dataclass(frozen=True)
class Evaluation:
    """The performance of every replica on its own examples."""

    indices: Int[Tensor, "replica example"]  # into the examples that replicas share
    targets: Tensor  # [replica, example, …]
    loss: Float[Tensor, "replica example"]
    correct: Bool[Tensor, "replica example"]
    outputs: Float[Tensor, "replica example out"] | None  # None unless a measure needs them
    weights: Float[Tensor, "replica example"] | None = None  # for means, in float64 on the CPU; None: equal weights

    def mean(self, values: Shaped[Tensor, "replica example"]) -> Float[Tensor, " replica"]:
        """The weighted mean over each replica's examples, in float64 on the CPU."""
        exact = values.cpu().double()
        return exact.mean(1) if self.weights is None else (exact * self.weights).sum(1) / self.weights.sum(1)


@dataclass(frozen=True)
class Snapshot:
    """The replicas at one evaluation step: their model, and their performance on training and test examples."""

    step: int
    task: Task
    model: nn.Module  # every parameter is [replica, …]
    train: Evaluation
    test: Evaluation
    replicas: Sequence[tuple[Task, RandomStreams]] = ()  # each replica's own, for measures that sample extra data


class Measure(Protocol):
    """An adapter from a snapshot to named quantities; its mathematics is in `grok.science`.

    Optional attributes:
    - `needs_outputs = True`: the evaluations have the model's outputs.
    - `needs_float64 = True`: the run does not use a device without float64.
    - `validate(task, model)`: raises a UserError, before training, for what the measure cannot read.
    - `finalize(snapshot, history)`: quantities computed at the last evaluation, such as maps that are too large for
      every snapshot, or curves over all steps that need the end of training.
    """

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        """The quantities of this snapshot, by their names in the record."""
