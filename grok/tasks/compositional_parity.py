"""Parities composed of parities (Michaud et al. 2025, arXiv:2505.15811): a composite is learned after its atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from grok.checks import UserError, check_choice, check_int
from grok.models.spec import Classes, Spec, Vectors
from grok.random_streams import RandomStreams
from grok.science.numerics.packed_bits import random_bit_words, unpack_bits
from grok.tasks.parity import ParityClassification
from grok.tasks.task import Data, Provenance

CURRICULA = {"atoms_and_composites": 1.0, "composites": 0.0}  # the relative frequency of an atom


@dataclass(frozen=True, kw_only=True)
class CompositionalParity(ParityClassification):
    """Atoms add k = `subset_size` bits of their own modulo 2; a composite adds the bits of several atoms.

    Inputs are [control bits ‖ task bits]. The control bit of each atom of a subtask is 1, so that a composite has
    several. Trained subtasks are equally frequent. The test set has all subtasks, also those that are not trained.
    """

    per_replica_keys: ClassVar = ("curriculum", "subset_size")
    n_atoms: int
    composites: Sequence[Sequence[int]]
    curriculum: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("task.n_atoms", self.n_atoms, minimum=2)
        if (needed := self.n_atoms * self.subset_size) > self.n_bits:
            raise UserError(
                f"task.n_atoms={self.n_atoms}: needs {needed:,} bits, task.subset_size={self.subset_size} for each "
                f"atom, but task.n_bits={self.n_bits}"
            )
        _check_composites(self.composites, self.n_atoms)
        check_choice("task.curriculum", self.curriculum, CURRICULA)

    @property
    def spec(self) -> Spec:
        return Spec(Vectors(self.n_atoms + self.n_bits), Classes(2))

    @property
    def frequencies(self) -> Float[Tensor, " subtask"]:
        atom = CURRICULA[self.curriculum]
        relative = torch.tensor([atom] * self.n_atoms + [1.0] * len(self.composites), dtype=torch.float64)
        return relative / relative.sum()

    @property
    def subtask_names(self) -> list[str]:
        """Of an atom its number, of a composite the numbers of its atoms, such as 1+2+3."""
        return ["+".join(map(str, atoms)) for atoms in self._atoms]

    @property
    def _atoms(self) -> list[Sequence[int]]:
        """The atoms of each subtask, numbered from 1."""
        return [*([atom] for atom in range(1, self.n_atoms + 1)), *self.composites]

    def subsets(self, streams: RandomStreams) -> Int[Tensor, "subset k"]:
        """The positions of the bits of each atom: disjoint sorted subsets, drawn by the stream `subsets`."""
        positions = torch.randperm(self.n_bits, generator=streams.generator("subsets"))
        return positions[: self.n_atoms * self.subset_size].view(self.n_atoms, -1).sort(1).values

    def data(self, streams: RandomStreams) -> Data:
        """A test set, the examples that measure training accuracy, and new examples in every step."""
        subsets = self.subsets(streams)
        train, test = (self.balanced_examples(subsets, streams.generator(name)) for name in ("train", "test"))
        composites = ", ".join(self.subtask_names[self.n_atoms :])
        rule = f"{self.n_atoms} parities of {self.subset_size} of {self.n_bits} bits, and composites {composites}"
        provenance = Provenance(
            source=f"generated: {rule}",
            split=f"new examples in every step; {self.n_test_per_subtask:,} test examples per subtask",
            message=f"compositional parity: {rule}; training on {self.curriculum.replace('_', ' ')}",
        )
        return Data(train, test, provenance, partial(self.sample, subsets))

    def sample(
        self, subsets: Int[Tensor, "subset k"], n: int, generator: Generator
    ) -> tuple[Float[Tensor, "example in"], Int[Tensor, " example"]]:
        """n examples, equally many of each trained subtask as far as n allows."""
        trained = self.frequencies.nonzero().flatten()
        return self.examples(subsets, trained[torch.arange(n) * len(trained) // n], generator)

    def examples(
        self, subsets: Int[Tensor, "subset k"], subtasks: Int[Tensor, " example"], generator: Generator
    ) -> tuple[Float[Tensor, "example in"], Int[Tensor, " example"]]:
        codes = torch.tensor([[float(atom in atoms) for atom in range(1, self.n_atoms + 1)] for atoms in self._atoms])
        control = codes[subtasks]
        bits = unpack_bits(random_bit_words(len(subtasks), self.n_bits, generator), self.n_bits, torch.float32)
        sums = bits[:, subsets.flatten()].unflatten(1, subsets.shape).sum(2)
        return torch.cat([control, bits], 1), (sums * control).sum(1).long() % 2


def _check_composites(composites: Any, n_atoms: int) -> None:
    """Require distinct composites of at least two atoms that exist.

    Raises:
        UserError: a composite lacks an atom, or is none.
    """
    key = f"task.composites={composites}"
    if not (isinstance(composites, Sequence) and composites and all(isinstance(each, Sequence) for each in composites)):
        raise UserError(f"{key}: must be lists of atoms, such as [[1,2]]")
    for atoms in composites:
        missing = [atom for atom in atoms if type(atom) is not int or not 1 <= atom <= n_atoms]
        if missing:
            raise UserError(
                f"{key}: there is no atom {missing[0]}; task.n_atoms={n_atoms} has the atoms 1 to {n_atoms}"
            )
        if len(set(atoms)) < max(2, len(atoms)):
            raise UserError(f"{key}: {atoms} must have at least two different atoms, each once")
    if len({frozenset(atoms) for atoms in composites}) < len(composites):
        raise UserError(f"{key}: must be different composites")
