"""A look: what measures see when training pauses to be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from grok.records.labelled import Labelled
from grok.tasks.task import Task


@dataclass(frozen=True)
class Evaluation:
    """How every replica does on its own examples: those at these rows of the tables that replicas share."""

    rows: Int[Tensor, "replica example"]
    targets: Tensor  # [replica, example, …]
    loss: Float[Tensor, "replica example"]
    correct: Bool[Tensor, "replica example"]
    outputs: Float[Tensor, "replica example out"] | None  # kept where a measure needs them


@dataclass(frozen=True)
class Look:
    """The replicas at one step: their model and how they do on what they train and are tested on."""

    step: int
    task: Task
    model: nn.Module  # every parameter [replica, …]
    train: Evaluation
    test: Evaluation


class Measure(Protocol):
    """An adapter from a look to named quantities; its mathematics is in `grok.science`.

    A measure with `needs_outputs = True` finds the outputs in the evaluations. One with a method `last(look, history)`
    has quantities that are made at the last look: maps too large to be kept of every look, or what needs the end to be
    known, over all steps, from what the history has of them. One with a method `check(task, model)` refuses by it,
    before training, what it cannot measure.
    """

    def __call__(self, look: Look) -> dict[str, Labelled]:
        """The quantities at this look, by the names they have in the record."""
