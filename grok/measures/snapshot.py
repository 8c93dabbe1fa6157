"""A snapshot: what measures see at an evaluation step."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import ClassVar

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.optim import Optimizer

from grok import measures
from grok.checks import UserError
from grok.models.model import Model
from grok.random_streams import RandomStreams
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.losses import mean_loss
from grok.tasks.task import Task


@dataclass(frozen=True)
class Evaluation:
    """The performance of every replica on its own examples."""

    indices: Int[Tensor, "replica example"]  # into the examples that replicas share
    targets: Tensor  # [replica, example, …]
    loss: Float[Tensor, "replica example *token"]
    correct: Bool[Tensor, "replica example *token"]
    outputs: Float[Tensor, "replica example *out"] | None  # None unless a measure needs them
    weights: Float[Tensor, "replica example"] | None = None  # for means, in float64 on the CPU; None: equal weights
    mask: Bool[Tensor, "replica example *token"] | None = None  # which examples or tokens count in means; None: all
    gradients: Mapping[str, Tensor] | None = None  # of the mean loss, by parameter; None unless a measure needs them

    def mean(self, values: Shaped[Tensor, "replica example *token"]) -> Float[Tensor, " replica"]:
        """The weighted mean over each replica's examples or tokens, in float64 on the CPU."""
        return mean_loss(values.cpu().double(), None if self.mask is None else self.mask.cpu(), self.weights)


@dataclass(frozen=True)
class Snapshot:
    """The replicas at one evaluation step: their model, and their performance on training and test examples."""

    step: int
    task: Task
    model: Model  # every parameter is [replica, …]
    train: Evaluation
    test: Evaluation
    replicas: Sequence[tuple[Task, RandomStreams]] = ()  # each replica's own, for measures that sample extra data
    optimizer: Optimizer | None = None  # None for a pretrained network

    def optimizer_state(self) -> dict[str, Mapping[str, Tensor]]:
        """The optimizer's state of each parameter, such as Adam's `exp_avg`; empty before the first step."""
        state = self.optimizer.state if self.optimizer else {}
        return {name: state[each] for name, each in self.model.named_parameters() if each in state}

    def performance(self) -> dict[str, Quantity]:
        """Weighted mean loss and accuracy on training and test examples, which every run records."""
        values = {}
        for part, evaluation in (("train", self.train), ("test", self.test)):
            accuracy, loss = evaluation.mean(evaluation.correct), evaluation.mean(evaluation.loss)
            values[f"{part}_accuracy"] = Quantity(accuracy, f"{part} accuracy", chart="accuracy")
            values[f"{part}_loss"] = Quantity(loss, f"{part} loss", chart="loss", log_scale=True)
        return values


class Measure(ABC):
    """An adapter from a snapshot to named quantities; its mathematics is in `grok.science`.

    A measure overrides `__call__`, and those of the defaults below that it needs.
    """

    needs_outputs: ClassVar[bool] = False  # whether the evaluations have the model's outputs
    needs_gradients: ClassVar[bool] = False  # whether the evaluations have the gradients of the mean losses
    needs_float64: ClassVar[bool] = False  # whether the run must not use a device without float64

    @abstractmethod
    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        """The quantities of this snapshot, by their names in the record."""

    def validate(self, task: Task, model: Model) -> None:  # noqa: B027 - most measures read every task and model
        """Refuse, before training, what the measure cannot read.

        Raises:
            UserError: the measure cannot read this task or this model.
        """

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        """Quantities computed at the last evaluation: maps that are too large for every snapshot, or curves over all
        steps that need the end of training."""
        return {}


def measures_that_fit(task: Task, model: Model) -> list[Measure]:
    """The measures in this folder that take no keys and can read this task and this model."""
    for module in iter_modules(measures.__path__, f"{measures.__name__}."):
        import_module(module.name)
    own = [each for each in Measure.__subclasses__() if each.__module__.startswith(f"{measures.__name__}.")]
    without_keys = [each() for each in own if not inspect.signature(each).parameters]
    return [each for each in without_keys if _can_read(each, task, model)]


def _can_read(measure: Measure, task: Task, model: Model) -> bool:
    try:
        measure.validate(task, model)
    except UserError:
        return False
    return True
