"""Multitask sparse parity (Michaud et al. 2023, Sec. 3): subtasks with Zipf frequencies, each learned abruptly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import comb
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from grok.checks import UserError, check_float, check_int, require_memory
from grok.models.spec import Classes, ControlledBits, Spec
from grok.random_streams import RandomStreams
from grok.science.numerics.packed_bits import parity, random_bit_words
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.tasks.parity import ParityClassification
from grok.tasks.task import Data, Examples, Provenance, Thresholds

BYTES_PER_EXAMPLE = 80  # that an example of the training set takes at least while it is made, in several tensors
PARITY_EXAMPLES = 2**17  # whose parities are computed at once, so that unpacked bits take little memory


@dataclass(frozen=True, kw_only=True)
class SparseParity(ParityClassification):
    """Add k = `subset_size` of n bits modulo 2; the subtask of an example determines which k bits.

    Subtask i = 1 … n_subtasks has a probability ∝ i^−(alpha + 1). Inputs are Int [example, 1 + word]: i − 1, and the
    bits in words of 64.
    """

    per_replica_keys: ClassVar = ("alpha", "subset_size")
    n_subtasks: int
    alpha: float
    n_train: int | None
    thresholds: Thresholds | None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("task.n_subtasks", self.n_subtasks, minimum=1)
        if self.subset_size > self.n_bits:
            raise UserError(f"task.subset_size={self.subset_size}: must be at most task.n_bits={self.n_bits}")
        if self.n_subtasks > (n_subsets := comb(self.n_bits, self.subset_size)):
            raise UserError(
                f"task.n_subtasks={self.n_subtasks}: must be at most the {n_subsets:,} subsets of "
                f"task.subset_size={self.subset_size} of task.n_bits={self.n_bits} bits"
            )
        check_float("task.alpha", self.alpha, above=0)
        if self.n_train is not None:
            check_int("task.n_train", self.n_train, minimum=1)

    @property
    def spec(self) -> Spec:
        return Spec(ControlledBits(self.n_subtasks, self.n_bits), Classes(2))

    @property
    def frequencies(self) -> Float[Tensor, " subtask"]:
        return torch.from_numpy(zipf_frequencies(self.n_subtasks, alpha=self.alpha))

    def subsets(self, streams: RandomStreams) -> Int[Tensor, "subtask k"]:
        """The positions of the bits that each subtask adds: distinct sorted subsets, drawn by the stream `subsets`."""
        generator = streams.generator("subsets")
        subsets: dict[tuple[int, ...], None] = {}
        while len(subsets) < self.n_subtasks:
            positions = torch.randperm(self.n_bits, generator=generator)[: self.subset_size]
            subsets[tuple(positions.sort().values.tolist())] = None
        return torch.tensor([*subsets])

    def data(self, streams: RandomStreams) -> Data:
        """A test set with equally many examples of every subtask, weighted by its probability, and the training data.

        With `n_train`, the training set is a fixed sample by frequency. Without it, every step samples new examples,
        and training accuracy is measured on a second set that is composed like the test set.
        """
        subsets = self.subsets(streams)
        test = self.balanced_examples(subsets, streams.generator("test"))
        if self.n_train is None:
            train = self.balanced_examples(subsets, streams.generator("train"))
            sample, training_data = partial(self.sample_by_frequency, subsets), "new examples in every step"
        else:
            require_memory(self.n_train * BYTES_PER_EXAMPLE)
            inputs, targets = self.sample_by_frequency(subsets, self.n_train, streams.generator("train"))
            train = Examples(inputs, targets, torch.arange(len(targets)))
            sample, training_data = None, f"{self.n_train:,} examples"
        bits = f"{self.subset_size} of {self.n_bits} bits"
        rule = f"{self.n_subtasks:,} parities of {bits}, with frequencies ∝ rank^−{self.alpha + 1:g}"
        provenance = Provenance(
            source=f"generated: {rule}",
            split=f"{training_data}; "
            f"{self.n_test_per_subtask:,} test examples per subtask, sampled by separate streams",
            message=f"sparse parity: {rule}; training on {training_data}",
        )
        return Data(train, test, provenance, sample)

    def sample_by_frequency(
        self, subsets: Int[Tensor, "subtask k"], n: int, generator: Generator
    ) -> tuple[Int[Tensor, "example _"], Int[Tensor, " example"]]:
        """n independent examples by frequency. They are sorted by subtask: a training step is then faster."""
        cumulative = self.frequencies.cumsum(0)
        samples = torch.rand(n, dtype=torch.float64, generator=generator) * cumulative[-1]
        counts = torch.searchsorted(cumulative, samples, right=True).bincount(minlength=self.n_subtasks)
        return self.examples(subsets, torch.arange(self.n_subtasks).repeat_interleave(counts), generator)

    def examples(
        self, subsets: Int[Tensor, "subtask k"], subtasks: Int[Tensor, " example"], generator: Generator
    ) -> tuple[Int[Tensor, "example _"], Int[Tensor, " example"]]:
        words = random_bit_words(len(subtasks), self.n_bits, generator)
        parts = zip(words.split(PARITY_EXAMPLES), subtasks.split(PARITY_EXAMPLES), strict=True)
        targets = torch.cat([parity(part, subsets[own]) for part, own in parts])
        return torch.cat([subtasks.unsqueeze(1), words], 1), targets
