"""Sparse parities as regression: a skill's strength grows from 0 to 1 (Nam et al. 2024, arXiv:2404.17563)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grok.checks import check_float
from grok.models.spec import ControlledBits, Spec, Values
from grok.random_streams import RandomStreams
from grok.science.losses import squared_error
from grok.tasks.sparse_parity import SparseParity
from grok.tasks.task import Data, Examples, Provenance, Task


@dataclass(frozen=True, kw_only=True)
class SkillParity(Task):
    """Regress ± `target`, by the parity of k = `subset_size` of n bits; the subtask of an example is its skill.

    Inputs and frequencies are those of sparse parity. An example is correct if its output has the sign of its target.
    """

    per_replica_keys: ClassVar = ("alpha", "subset_size", "target")
    n_subtasks: int
    n_bits: int
    subset_size: int
    alpha: float
    target: float
    n_train: int | None
    n_test_per_subtask: int

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

    def data(self, streams: RandomStreams) -> Data:
        """The examples of sparse parity with ± `target` as targets."""
        found = self._parity.data(streams)
        provenance = Provenance(
            source=f"{found.provenance.source}; targets ±{self.target:g}",
            split=found.provenance.split,
            message=found.provenance.message.replace("sparse parity", f"sparse parity with targets ±{self.target:g}"),
        )
        sample = found.sample

        def signed_sample(n: int, generator: Generator) -> tuple[Tensor, Tensor]:
            assert sample is not None
            inputs, parities = sample(n, generator)
            return inputs, self._signed(parities)

        train, test = self._regression(found.train), self._regression(found.test)
        return Data(train, test, provenance, None if sample is None else signed_sample)

    def _regression(self, examples: Examples) -> Examples:
        return Examples(examples.inputs, self._signed(examples.targets), examples.indices, examples.weights)

    def _signed(self, parities: Int[Tensor, " example"]) -> Float[Tensor, "example 1"]:
        return self.target * (2 * parities.to(torch.get_default_dtype()) - 1).unsqueeze(-1)

    def example_loss(
        self, outputs: Float[Tensor, "*batch 1"], targets: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch"]:
        return squared_error(outputs, targets)

    def is_correct(
        self, outputs: Float[Tensor, "*batch 1"], targets: Float[Tensor, "*batch 1"]
    ) -> Bool[Tensor, "*batch"]:
        return (outputs * targets > 0).squeeze(-1)
