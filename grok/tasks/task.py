"""The base of all tasks: the data of one replica, its loss, and what counts as correct."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grok.checks import UserError, check_bool, check_float, check_int
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


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a replica's data come from. The record has all but `message`; a resumed run needs the same data."""

    source: str  # the data set and its version, or the rule that generates the data
    split: str  # how training and test examples are chosen
    message: str  # the line that is printed when training starts
    checksum: str = "none"  # of the source; "none" for generated data

    @property
    def recorded(self) -> dict[str, str]:
        """What the record and the checkpoint keep."""
        return {"source": self.source, "checksum": self.checksum, "split": self.split}


@dataclass(frozen=True)
class Data:
    """The training and test examples of one replica, and their provenance."""

    train: Examples
    test: Examples
    provenance: Provenance
    sample: Callable[[int, Generator], tuple[Tensor, Tensor]] | None = None
    """Samples n new inputs and targets. A task that has it trains every step on a batch of these, and measures training
    accuracy on `train`; other tasks train on `train`, as their `sampling` says."""
    reference_batches: Callable[[int], Iterator[Int[Tensor, " example"]]] | None = None
    """From a batch size, the positions in `train` of each step's batch, as the reference code draws them."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The accuracies that count as memorized and as generalized, and the delay that counts as grokking.

    A regression task can also state losses. A tolerance on the error of an example can make a delay by itself (Levi et
    al. 2023, arXiv:2310.16441), so the summary then has the delay of both.
    """

    memorization: float
    generalization: float
    grokking_delay: int  # steps from memorization to generalization, from which a run has grokked
    stay: bool  # whether an accuracy or loss must stay at its threshold, or only reach it once
    memorization_loss: float | None  # the training loss that counts as memorized
    generalization_loss: float | None  # the test loss that counts as generalized

    def __post_init__(self) -> None:
        check_float("task.thresholds.memorization", self.memorization, above=0)
        check_float("task.thresholds.generalization", self.generalization, above=0)
        check_int("task.thresholds.grokking_delay", self.grokking_delay, minimum=1)
        check_bool("task.thresholds.stay", self.stay)
        losses = {"memorization_loss": self.memorization_loss, "generalization_loss": self.generalization_loss}
        stated = {key: value for key, value in losses.items() if value is not None}
        for key, value in stated.items():
            check_float(f"task.thresholds.{key}", value, minimum=0)
        if len(stated) == 1:
            (missing,) = losses.keys() - stated.keys()
            raise UserError(f"task.thresholds.{missing}=null: must be a number, as the other threshold on the loss is")

    @property
    def recorded(self) -> dict[str, float]:
        """The attributes of the record, from which its summary is computed."""
        values = {
            "memorization_threshold": self.memorization,
            "generalization_threshold": self.generalization,
            "memorization_loss_threshold": self.memorization_loss,
            "generalization_loss_threshold": self.generalization_loss,
            "grokking_delay": self.grokking_delay,
            "thresholds_stay": int(self.stay),
        }
        return {name: value for name, value in values.items() if value is not None}


class Task(ABC):
    """A frozen description of the data of one replica. A task never sees the replica axis.

    A task overrides those of the defaults below that it needs.
    """

    per_replica_keys: ClassVar[Collection[str]] = ()  # keys in which the replicas of a batch may differ
    sampling: str = "epochs"  # or fresh: each step draws its batch from all training examples
    thresholds: Thresholds | None = None  # None: the task has no phases, and their keys in the summary are null

    @property
    @abstractmethod
    def spec(self) -> Spec:
        """The inputs that the task gives, and the outputs that it needs."""

    @abstractmethod
    def data(self, streams: RandomStreams) -> Data:
        """The examples of the replica with these random streams."""

    @abstractmethod
    def example_loss(self, outputs: Float[Tensor, "*batch out"], targets: Tensor) -> Float[Tensor, "*batch"]:
        """The loss of each example, or of each token, from outputs and targets with any leading axes.

        The harness calls it with [replica, example, …] and takes the mean.
        """

    @abstractmethod
    def is_correct(self, outputs: Float[Tensor, "*batch out"], targets: Tensor) -> Bool[Tensor, "*batch"]:
        """Whether each example, or each token, is correct; the same axes as the loss."""

    @property
    def follows_reference(self) -> bool:
        """Whether a run repeats one of the reference code step by step, and therefore computes as it does."""
        return False

    def mask(self, targets: Tensor) -> Bool[Tensor, "*batch"] | None:
        """True for the examples or tokens that count in means, with the same axes as the loss; None: all.

        The loss of the others must have a finite gradient, which is multiplied by 0.
        """
        return None

    def validate(self, model: Model) -> None:  # noqa: B027 - most tasks can be learned by every model that fits
        """Refuse, before training, a model that cannot learn the task.

        Raises:
            UserError: the model cannot.
        """

    def initial_weights(self, model: Model, streams: RandomStreams) -> Mapping[str, Tensor]:
        """Initial weights that replace the model's own, such as those of a published run: by parameter names, without
        the replica axis."""
        return {}
