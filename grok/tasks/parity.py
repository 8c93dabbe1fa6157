"""The base of tasks on parities of random bits: subtasks with known frequencies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grok.checks import check_int
from grok.random_streams import RandomStreams
from grok.science import losses
from grok.tasks.task import Examples, Task


@dataclass(frozen=True, kw_only=True)
class ParityTask(Task):
    """Subtasks that each add some of `n_bits` random bits modulo 2. Test examples are sorted by subtask."""

    n_bits: int
    subset_size: int
    n_test_per_subtask: int

    def __post_init__(self) -> None:
        check_int("task.n_bits", self.n_bits, minimum=1)
        check_int("task.subset_size", self.subset_size, minimum=1)
        check_int("task.n_test_per_subtask", self.n_test_per_subtask, minimum=2)

    @property
    @abstractmethod
    def frequencies(self) -> Float[Tensor, " subtask"]:
        """The probability of each subtask in training."""

    @abstractmethod
    def subsets(self, streams: RandomStreams) -> Int[Tensor, "subset k"]:
        """The positions of the bits of each subset, drawn by the stream `subsets`."""

    @abstractmethod
    def examples(
        self, subsets: Int[Tensor, "subset k"], subtasks: Int[Tensor, " example"], generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Inputs with random bits for these subtasks, and targets that tell their parities."""

    @property
    def subtask_names(self) -> Sequence[str | int]:
        """The coordinate of each subtask in records, by default its rank 1, 2, …"""
        return range(1, len(self.frequencies) + 1)

    def balanced_examples(self, subsets: Int[Tensor, "subset k"], generator: Generator) -> Examples:
        """Equally many examples of each subtask, sorted by subtask. Their weights are the frequencies of the task."""
        subtasks = torch.arange(len(self.frequencies)).repeat_interleave(self.n_test_per_subtask)
        inputs, targets = self.examples(subsets, subtasks, generator)
        weights = (self.frequencies / self.n_test_per_subtask).repeat_interleave(self.n_test_per_subtask)
        return Examples(inputs, targets, torch.arange(len(targets)), weights)


class ParityClassification(ParityTask):
    """Subtasks with two classes: an even and an odd sum."""

    def example_loss(
        self, outputs: Float[Tensor, "*batch 2"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        return losses.cross_entropy(outputs, targets)

    def is_correct(self, outputs: Float[Tensor, "*batch 2"], targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return losses.is_argmax(outputs, targets)
