"""Multitask sparse parity (Michaud et al. 2023, Sec. 3): many subtasks, some frequent and most rare, each learned at
once or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import comb
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grok.checks import UserError, number, whole
from grok.science import losses
from grok.science.packed_bits import parity, random_words
from grok.science.quanta import zipf_frequencies
from grok.streams import Streams
from grok.tasks.task import Data, Examples, Thresholds


@dataclass(frozen=True, kw_only=True)
class SparseParity:
    """Say whether k of n bits have an odd sum; a control symbol, the subtask, says which k.

    Subtask i = 1 … n_subtasks comes with a probability ∝ i^−(alpha + 1). Inputs are Int [example, 1 + word]: i − 1, and
    the bits in words of 64.
    """

    replica_wise: ClassVar = ("alpha", "k")
    n_subtasks: int
    n_bits: int
    k: int
    alpha: float
    n_train: int | None
    test_points: int
    thresholds: Thresholds

    def __post_init__(self) -> None:
        whole("task.n_subtasks", self.n_subtasks, least=1)
        whole("task.n_bits", self.n_bits, least=1)
        whole("task.k", self.k, least=1)
        if self.k > self.n_bits:
            raise UserError(f"task.k={self.k}: must be at most task.n_bits={self.n_bits}")
        if self.n_subtasks > (n_subsets := comb(self.n_bits, self.k)):
            raise UserError(
                f"task.n_subtasks={self.n_subtasks}: must be at most the {n_subsets:,} subsets of "
                f"task.k={self.k} of task.n_bits={self.n_bits} bits"
            )
        number("task.alpha", self.alpha, above=0)
        if self.n_train is not None:
            whole("task.n_train", self.n_train, least=1)
        whole("task.test_points", self.test_points, least=2)

    @property
    def dimensions(self) -> dict[str, int]:
        return {"n_subtasks": self.n_subtasks, "n_bits": self.n_bits, "n_outputs": 2}

    @property
    def frequencies(self) -> Float[Tensor, " subtask"]:
        """The probability of each subtask."""
        return torch.from_numpy(zipf_frequencies(self.n_subtasks, alpha=self.alpha))

    def subsets(self, streams: Streams) -> Int[Tensor, "subtask k"]:
        """The positions of the bits that each subtask adds: distinct sorted subsets, drawn by the stream `subsets`."""
        generator = streams.generator("subsets")
        drawn: dict[tuple[int, ...], None] = {}
        while len(drawn) < self.n_subtasks:
            positions = torch.randperm(self.n_bits, generator=generator)[: self.k]
            drawn[tuple(positions.sort().values.tolist())] = None
        return torch.tensor([*drawn])

    def data(self, streams: Streams) -> Data:
        """Equally many test points of every subtask, weighted by its probability; and the same again to measure
        training by where every step draws new examples, else `n_train` examples drawn as they come, once."""
        subsets = self.subsets(streams)
        test = self._equally_many(subsets, streams.generator("test"))
        if self.n_train is None:
            train, fresh = self._equally_many(subsets, streams.generator("train")), partial(self.as_they_come, subsets)
            trained_on = "new examples in every step"
        else:
            inputs, targets = self.as_they_come(subsets, self.n_train, streams.generator("train"))
            train, fresh = Examples(inputs, targets, torch.arange(len(targets))), None
            trained_on = f"{self.n_train:,} examples"
        rule = (
            f"{self.n_subtasks:,} parities of {self.k} of {self.n_bits} bits, as frequent as rank^−{self.alpha + 1:g}"
        )
        origin = {
            "source": f"generated: {rule}",
            "checksum": "none",
            "split": f"{trained_on}; {self.test_points:,} test points of each subtask, by streams of their own",
            "why": f"sparse parity: {rule}; {trained_on} to train on",
        }
        return Data(train, test, origin, fresh)

    def _equally_many(self, subsets: Int[Tensor, "subtask k"], generator: Generator) -> Examples:
        """Test points in the order of subtasks, with weights that make means those over the task's own examples."""
        subtasks = torch.arange(self.n_subtasks).repeat_interleave(self.test_points)
        inputs, targets = self.examples(subsets, subtasks, generator)
        weights = (self.frequencies / self.test_points).repeat_interleave(self.test_points)
        return Examples(inputs, targets, torch.arange(len(targets)), weights)

    def as_they_come(
        self, subsets: Int[Tensor, "subtask k"], n: int, generator: Generator
    ) -> tuple[Int[Tensor, "example _"], Int[Tensor, " example"]]:
        """Independent draws, put in the order of subtasks: what lies side by side is quicker to learn from."""
        below = self.frequencies.cumsum(0)
        drawn = torch.rand(n, dtype=torch.float64, generator=generator) * below[-1]
        counts = torch.searchsorted(below, drawn, right=True).bincount(minlength=self.n_subtasks)
        return self.examples(subsets, torch.arange(self.n_subtasks).repeat_interleave(counts), generator)

    def examples(
        self, subsets: Int[Tensor, "subtask k"], subtasks: Int[Tensor, " example"], generator: Generator
    ) -> tuple[Int[Tensor, "example _"], Int[Tensor, " example"]]:
        """Random bits for these subtasks and their parities."""
        words = random_words(len(subtasks), self.n_bits, generator)
        return torch.cat([subtasks.unsqueeze(1), words], 1), parity(words, subsets[subtasks])

    def example_loss(
        self, outputs: Float[Tensor, "*batch 2"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        return losses.cross_entropy(outputs, targets)

    def is_correct(self, outputs: Float[Tensor, "*batch 2"], targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return losses.is_argmax(outputs, targets)
