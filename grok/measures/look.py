"""A look: what measures see when training pauses to be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Bool, Float
from torch import Tensor, nn

from grok.records.labelled import Labelled
from grok.tasks.task import Task


@dataclass(frozen=True)
class Evaluation:
    """Every replica's loss and correctness on its own examples."""

    loss: Float[Tensor, "replica example"]
    correct: Bool[Tensor, "replica example"]


@dataclass(frozen=True)
class Look:
    """The replicas at one step: their model and how they do on what they train and are tested on."""

    step: int
    task: Task
    model: nn.Module  # every parameter [replica, …]
    train: Evaluation
    test: Evaluation


class Measure(Protocol):
    """An adapter from a look to named quantities; its mathematics is in `grok.science`."""

    def __call__(self, look: Look) -> dict[str, Labelled]:
        """The quantities at this look, by the names they have in the record."""
