"""What a task gives and a model reads: the kind of the inputs and the sizes, by the names of the models' arguments."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Vectors:
    """Vectors of `n_inputs` numbers: [example, n_inputs]."""

    n_inputs: int


@dataclass(frozen=True)
class TokenPairs:
    """Pairs of tokens from a vocabulary of `n_tokens`: integers [example, 2]."""

    n_tokens: int


@dataclass(frozen=True)
class WordSequences:
    """Sequences of words from a vocabulary of `n_words`, padded with 0: integers [example, word]."""

    n_words: int


@dataclass(frozen=True)
class Graphs:
    """Molecules: [example, atom, n_features + atom], the features and the kinds of bonds, 1 … `n_bonds` or 0."""

    n_features: int
    n_bonds: int


@dataclass(frozen=True)
class ControlledBits:
    """A subtask and `n_bits` packed bits: integers, see `grok.science.numerics.packed_bits`."""

    n_subtasks: int
    n_bits: int


Inputs = Vectors | TokenPairs | WordSequences | Graphs | ControlledBits


@dataclass(frozen=True)
class Spec:
    """The inputs that a task gives, and the number of outputs per example that it needs."""

    inputs: Inputs
    n_outputs: int

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes, by the names of the models' arguments."""
        return {**asdict(self.inputs), "n_outputs": self.n_outputs}
