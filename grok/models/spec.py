"""What a task gives and needs, and what a model reads and gives: kinds of inputs and outputs with their sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Kind:
    """A kind of inputs, with its sizes."""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of one example; None if it is not fixed by the sizes."""
        return None


@dataclass(frozen=True)
class Vectors(Kind):
    """Vectors of `n_inputs` numbers: [example, n_inputs]."""

    n_inputs: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_inputs,)


@dataclass(frozen=True)
class Images(Kind):
    """Images: [example, channels, height, width]."""

    channels: int
    height: int
    width: int

    @property
    def n_inputs(self) -> int:
        """The numbers of one image, for models that flatten it."""
        return self.channels * self.height * self.width

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, self.height, self.width)


@dataclass(frozen=True)
class TokenPairs(Kind):
    """Pairs of tokens from a vocabulary of `n_tokens`: integers [example, 2].

    With `equals_class`, the last class of the task is the token "=", which a model can append to the pair.
    """

    n_tokens: int
    equals_class: bool = field(default=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,)


@dataclass(frozen=True)
class TokenSequences(Kind):
    """Sequences of `length` tokens from a vocabulary of `n_tokens`: integers [example, length]."""

    n_tokens: int
    length: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length,)


@dataclass(frozen=True)
class Graphs(Kind):
    """Graphs: [example, node, n_features + node], the features and the kinds of bonds, 1 … `n_bonds` or 0."""

    n_features: int
    n_bonds: int


@dataclass(frozen=True)
class ControlledBits(Kind):
    """A subtask and `n_bits` packed bits: integers, see `grok.science.numerics.packed_bits`."""

    n_subtasks: int
    n_bits: int


@dataclass(frozen=True)
class Values:
    """`n` numbers per example, for regression: [example, n]."""

    n: int


@dataclass(frozen=True)
class Classes:
    """The logits of `n` classes per example: [example, n]."""

    n: int


@dataclass(frozen=True)
class BinaryClass:
    """The logit of the second of two classes: [example, 1]."""

    n: ClassVar[int] = 1


@dataclass(frozen=True)
class NextTokens:
    """The logits of the next token at each position, from a vocabulary of `n`: [example, position, n]."""

    n: int


Inputs = Vectors | Images | TokenPairs | TokenSequences | Graphs | ControlledBits
Outputs = Values | Classes | BinaryClass | NextTokens


@dataclass(frozen=True)
class Spec:
    """The inputs that a task gives, and the outputs that it needs."""

    inputs: Inputs
    outputs: Outputs

    @property
    def outputs_per_example(self) -> int:
        """The number of positions if the task needs outputs at each, else 1."""
        if isinstance(self.inputs, TokenSequences) and isinstance(self.outputs, NextTokens):
            return self.inputs.length
        return 1
