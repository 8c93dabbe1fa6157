"""The base of all tasks: the data of one replica, its loss, and what counts as correct."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grok.checks import check_bool, check_float, check_int
from grok.models.model import Model
from grok.models.spec import Spec
from grok.random_streams import RandomStreams


@dataclass(frozen=True)
class Examples:
    """A table of inputs and targets, and the indices of a replica's examples. Replicas share equal tables."""

    inputs: Tensor  # [row, …]
    targets: Tensor  # [row, …]
    indices: Int[Tensor, " example"]
    weights: Float[Tensor, " example"] | None = None  # for means, in float64, with sum 1; None: equal weights


@dataclass(frozen=True)
class Data:
    """The training and test examples of one replica, and their provenance for the record."""

    train: Examples
    test: Examples
    provenance: Mapping[str, str]  # source, checksum, split; `message` is printed
    sample: Callable[[int, Generator], tuple[Tensor, Tensor]] | None = None
    """Samples n new inputs and targets. A task that has it trains every step on a batch of these, and measures training
    accuracy on `train`; other tasks train on `train`, epoch by epoch."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The accuracies that count as memorized and as generalized, and the delay that counts as grokking."""

    memorization: float
    generalization: float
    grokking_delay: int  # steps from memorization to generalization, from which a run has grokked
    stay: bool  # whether an accuracy must stay at its threshold, or only reach it once

    def __post_init__(self) -> None:
        check_float("task.thresholds.memorization", self.memorization, above=0)
        check_float("task.thresholds.generalization", self.generalization, above=0)
        check_int("task.thresholds.grokking_delay", self.grokking_delay, minimum=1)
        check_bool("task.thresholds.stay", self.stay)


class Task(ABC):
    """A frozen description of the data of one replica. A task never sees the replica axis.

    A task overrides those of the defaults below that it needs.
    """

    per_replica_keys: ClassVar[Collection[str]] = ()  # keys in which the replicas of a batch may differ
    thresholds: Thresholds

    @property
    @abstractmethod
    def spec(self) -> Spec:
        """The kind of the inputs, and the sizes that the model needs."""

    @abstractmethod
    def data(self, streams: RandomStreams) -> Data:
        """The examples of the replica with these random streams."""

    @abstractmethod
    def example_loss(self, outputs: Float[Tensor, "*batch out"], targets: Tensor) -> Float[Tensor, "*batch"]:
        """The loss of each example."""

    @abstractmethod
    def is_correct(self, outputs: Float[Tensor, "*batch out"], targets: Tensor) -> Bool[Tensor, "*batch"]:
        """Whether each example is correct."""

    def initial_weights(self, model: Model, streams: RandomStreams) -> Mapping[str, Tensor]:
        """Initial weights that replace the model's own, such as those of a published run: by parameter names, without
        the replica axis."""
        return {}
