"""A look: what measures see when training pauses to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from grok.records.labelled import Labelled
from grok.streams import Streams
from grok.tasks.task import Task


@dataclass(frozen=True)
class Evaluation:
    """How every replica does on its own examples: those at these rows of the tables that replicas share."""

    rows: Int[Tensor, "replica example"]
    targets: Tensor  # [replica, example, …]
    loss: Float[Tensor, "replica example"]
    correct: Bool[Tensor, "replica example"]
    outputs: Float[Tensor, "replica example out"] | None  # kept where a measure needs them
    weights: Float[Tensor, "replica example"] | None = None  # float64 on the CPU, where means are taken; None: equal

    def mean(self, values: Shaped[Tensor, "replica example"]) -> Float[Tensor, " replica"]:
        """The mean over each replica's examples, by their weights; in float64, on the CPU."""
        exact = values.cpu().double()
        return exact.mean(1) if self.weights is None else (exact * self.weights).sum(1) / self.weights.sum(1)


@dataclass(frozen=True)
class Look:
    """The replicas at one step: their model and how they do on what they train and are tested on."""

    step: int
    task: Task
    model: nn.Module  # every parameter [replica, …]
    train: Evaluation
    test: Evaluation
    sources: Sequence[tuple[Task, Streams]] = ()  # each replica's own, for who draws more examples than there are


class Measure(Protocol):
    """An adapter from a look to named quantities; its mathematics is in `grok.science`.

    A measure with `needs_outputs = True` finds the outputs in the evaluations. One with a method `last(look, history)`
    has quantities that are made at the last look: maps too large to be kept of every look, or what needs the end to be
    known, over all steps, from what the history has of them. One with a method `check(task, model)` refuses by it,
    before training, what it cannot measure. `needs_float64 = True` keeps a run off devices that have none.
    """

    def __call__(self, look: Look) -> dict[str, Labelled]:
        """The quantities at this look, by the names they have in the record."""
