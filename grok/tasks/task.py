"""What a task is: the data one replica sees, its loss, and what counts as correct."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grok.checks import flag, number, whole
from grok.streams import Streams


@dataclass(frozen=True)
class Examples:
    """Rows of a table of inputs and targets. Replicas that return the same table share it; their rows are their own."""

    inputs: Tensor  # [row, …]
    targets: Tensor  # [row, …]
    rows: Int[Tensor, " example"]
    weights: Float[Tensor, " example"] | None = None  # in float64, of sum 1, for means; None: equal


@dataclass(frozen=True)
class Data:
    """What one replica trains on and is tested on, and where it came from (for the record)."""

    train: Examples
    test: Examples
    origin: Mapping[str, str]  # source, checksum, split; `why` is shown to the user
    fresh: Callable[[int, Generator], tuple[Tensor, Tensor]] | None = None
    """Draws so many new inputs and targets. Where a task has it, every step trains on a batch of these, and `train` is
    what training accuracy is measured on; elsewhere steps train on `train`, epoch by epoch."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The accuracies that count as memorised and generalised, and the delay that counts as grokking."""

    memorization: float
    generalization: float
    grokking_delay: int  # steps; a run that generalises so long after memorising, or longer, has grokked
    stay: bool  # whether an accuracy counts from where it stays at its threshold, or from where it first reaches it

    def __post_init__(self) -> None:
        number("task.thresholds.memorization", self.memorization, above=0)
        number("task.thresholds.generalization", self.generalization, above=0)
        whole("task.thresholds.grokking_delay", self.grokking_delay, least=1)
        flag("task.thresholds.stay", self.stay)


class Task(Protocol):
    """A frozen description of what one replica sees. It never sees the replica axis.

    One with a method `start(model, streams)` brings weights from which its replica starts in place of the model's own,
    by the names of the parameters and without the replica axis: those of a published run.
    """

    @property
    def thresholds(self) -> Thresholds:
        """What counts as memorised, generalised and grokked."""

    @property
    def dimensions(self) -> Mapping[str, int]:
        """What the model must know of the task, by the names of the model's arguments: `n_inputs`, `n_outputs`, …"""

    def data(self, streams: Streams) -> Data:
        """The examples of the replica whose random numbers are `streams`."""

    def example_loss(self, outputs: Float[Tensor, "*batch out"], targets: Tensor) -> Float[Tensor, "*batch"]:
        """The loss of each example."""

    def is_correct(self, outputs: Float[Tensor, "*batch out"], targets: Tensor) -> Bool[Tensor, "*batch"]:
        """Whether each example counts as correct."""
