"""Sparse parities as regression: a skill's strength grows from 0 to 1 (Nam et al. 2024, arXiv:2404.17563)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grok.checks import check_float
from grok.models.spec import ControlledBits, Spec, Values
from grok.random_streams import RandomStreams
from grok.science.losses import squared_error
from grok.tasks.parity import ParityTask
from grok.tasks.sparse_parity import SparseParity
from grok.tasks.task import Data, Examples


@dataclass(frozen=True, kw_only=True)
class SkillParity(ParityTask):
    """Regress ± `target`, by the parity of k = `subset_size` of n bits; the subtask of an example is its skill.

    Inputs and frequencies are those of sparse parity. An example is correct if its output has the sign of its target.
    """

    per_replica_keys: ClassVar = ("alpha", "subset_size", "target")
    n_subtasks: int
    alpha: float
    target: float
    n_train: int | None

    def __post_init__(self) -> None:
        check_float("task.target", self.target, above=0)
        _ = self._parity

    @property
    def _parity(self) -> SparseParity:
        """The classification with the same examples, which checks the keys that both have."""
        shared = ("n_subtasks", "n_bits", "subset_size", "alpha", "n_train", "n_test_per_subtask")
        return SparseParity(**{key: getattr(self, key) for key in shared}, thresholds=None)

    @property
    def spec(self) -> Spec:
        return Spec(ControlledBits(self.n_subtasks, self.n_bits), Values(1))

    @property
    def frequencies(self) -> Float[Tensor, " subtask"]:
        return self._parity.frequencies

    def subsets(self, streams: RandomStreams) -> Int[Tensor, "subtask k"]:
        return self._parity.subsets(streams)

    def examples(
        self, subsets: Int[Tensor, "subtask k"], subtasks: Int[Tensor, " example"], generator: Generator
    ) -> tuple[Int[Tensor, "example _"], Float[Tensor, "example 1"]]:
        return self._signed(*self._parity.examples(subsets, subtasks, generator))

    def data(self, streams: RandomStreams) -> Data:
        """The examples of sparse parity with ± `target` as targets."""
        found = self._parity.data(streams)
        provenance = replace(
            found.provenance,
            source=f"{found.provenance.source}; targets ±{self.target:g}",
            message=found.provenance.message.replace("sparse parity", f"sparse parity with targets ±{self.target:g}"),
        )
        sample = found.sample and partial(self._sample, found.sample)
        return Data(self._regression(found.train), self._regression(found.test), provenance, sample)

    def _sample(
        self, sample: Callable[[int, Generator], tuple[Tensor, Tensor]], n: int, generator: Generator
    ) -> tuple[Int[Tensor, "example _"], Float[Tensor, "example 1"]]:
        return self._signed(*sample(n, generator))

    def _regression(self, examples: Examples) -> Examples:
        inputs, targets = self._signed(examples.inputs, examples.targets)
        return Examples(inputs, targets, examples.indices, examples.weights)

    def _signed(
        self, inputs: Int[Tensor, "example _"], parities: Int[Tensor, " example"]
    ) -> tuple[Int[Tensor, "example _"], Float[Tensor, "example 1"]]:
        return inputs, self.target * (2 * parities.to(torch.get_default_dtype()) - 1).unsqueeze(-1)

    def example_loss(
        self, outputs: Float[Tensor, "*batch 1"], targets: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch"]:
        return squared_error(outputs, targets)

    def is_correct(
        self, outputs: Float[Tensor, "*batch 1"], targets: Float[Tensor, "*batch 1"]
    ) -> Bool[Tensor, "*batch"]:
        return (outputs * targets > 0).squeeze(-1)
