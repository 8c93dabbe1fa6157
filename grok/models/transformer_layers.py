"""Layers of the transformer for batched replicas: embedding, residual stream, MLP, normalization, dropout.

A parameter is [replica, in, out]. The heads are concatenated along `out` of keys, queries and values, and along `in` of
outputs. Every product is therefore one batched product of contiguous matrices. A place is an example at a position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu_, "gelu": functional.gelu}
N_OPERANDS = 2


def gaussian(n_in: int, n_out: int, *, std: float, generators: Sequence[Generator]) -> nn.Parameter:
    """A parameter [replica, in, out] from N(0, std²), drawn in float64 from each replica's generator."""
    samples = [torch.randn(n_in, n_out, generator=each, dtype=torch.float64) for each in generators]
    return nn.Parameter(torch.stack(samples) * std)


def constant(value: float, width: int, n_replicas: int) -> nn.Parameter:
    """A parameter [replica, 1, width] initialized to this value."""
    return nn.Parameter(torch.full((n_replicas, 1, width), value, dtype=torch.float64))


def affine(
    x: Float[Tensor, "replica place n_in"], weight: Float[Tensor, "replica n_in n_out"], bias: Tensor | None
) -> Float[Tensor, "replica place n_out"]:
    """x · weight, plus the bias [replica, 1, n_out] if there is one."""
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias, x, weight)


class Gaussian(nn.Module):
    """One matrix per replica, initialized from N(0, std²)."""

    def __init__(self, n_in: int, n_out: int, *, std: float, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.weight = gaussian(n_in, n_out, std=std, generators=generators)


def lookup(
    table: Float[Tensor, "replica row column"], indices: Int[Tensor, "replica ..."]
) -> Float[Tensor, "replica ... column"]:
    """The rows of each replica's table at its indices. The gradient of an embedding is several times faster than that
    of advanced indexing."""
    offsets = torch.arange(len(table), device=indices.device) * table.shape[1]
    return functional.embedding(indices + offsets.view(-1, *[1] * (indices.dim() - 1)), table.flatten(0, 1))


class Dropout(nn.Module):
    """In training, sets entries to 0 with probability `rate` and divides the others by 1 − rate (Srivastava et al.
    2014). The entries are drawn from each replica's generator, or, without generators, from torch's own."""

    generators: Sequence[Generator] = ()

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    @property
    def active(self) -> bool:
        """Whether the network is in training mode and the rate is above 0."""
        return self.training and self.rate > 0

    def forward(self, x: Float[Tensor, "replica ..."]) -> Float[Tensor, "replica ..."]:
        if not self.active:
            return x
        mask = x.new_empty(x.shape)
        generators: Sequence[Generator | None] = self.generators or [None] * len(mask)
        for replica_mask, generator in zip(mask, generators, strict=True):
            replica_mask.bernoulli_(1 - self.rate, generator=generator)
        return x * mask / (1 - self.rate)


class Embedding(nn.Module):
    """Learned embeddings of tokens and positions. An equals sign adds one token and one position."""

    def __init__(self, n_tokens: int, width: int, *, equals_sign: bool, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.n_tokens, self.equals_sign = n_tokens, equals_sign
        std = width**-0.5
        self.tokens = gaussian(n_tokens + equals_sign, width, std=std, generators=generators)
        self.positions = gaussian(N_OPERANDS + equals_sign, width, std=std, generators=generators)

    def forward(
        self, tokens: Int[Tensor, "replica example position"]
    ) -> Float[Tensor, "replica example position width"]:
        """The embedding of any tokens, "=" at any position included."""
        return lookup(self.tokens, tokens) + self.positions.unsqueeze(1)

    def table(self) -> Float[Tensor, "replica row width"]:
        """The embedding of every token at every position where it can occur. Row j · n_tokens + t is token t at
        position j; the last row is the equals sign."""
        tokens, equals = self.tokens.split([self.n_tokens, int(self.equals_sign)], dim=1)
        positions, last = self.positions.split([N_OPERANDS, int(self.equals_sign)], dim=1)
        return torch.cat([(positions.unsqueeze(2) + tokens.unsqueeze(1)).flatten(1, 2), equals + last], dim=1)

    def rows(self, inputs: Int[Tensor, "replica example 2"]) -> list[Int[Tensor, "replica _"]]:
        """For each position, the index of its row of the table in each example. The equals sign has one index for all
        examples."""
        indices = [inputs[..., position] + position * self.n_tokens for position in range(N_OPERANDS)]
        equals = torch.full_like(inputs[:, :1, 0], N_OPERANDS * self.n_tokens)
        return [*indices, equals] if self.equals_sign else indices


@dataclass(frozen=True)
class ResidualSum:
    """The residual stream as a sum of a known tensor and of matrix products that are not computed yet."""

    known: Float[Tensor, "replica _ width"]  # one vector per place, or one for all places
    products: tuple[tuple[Tensor, Tensor], ...] = ()  # activations [replica, place, in], weights [replica, in, width]

    def plus(
        self, activations: Tensor, weights: Tensor, bias: Tensor | None = None, *, dropout: Dropout
    ) -> ResidualSum:
        """The sum plus activations · weights + bias. Active dropout needs this product at once; else it is deferred."""
        if dropout.active:
            return ResidualSum(self.value() + dropout(affine(activations, weights, bias)))
        known = self.known if bias is None else self.known + bias
        return ResidualSum(known, (*self.products, (activations, weights)))

    def value(self) -> Float[Tensor, "replica place width"]:
        """The residual stream, with all products computed."""
        total = self.known
        for activations, weights in self.products:
            total = torch.baddbmm(total, activations, weights)
        return total

    def read(
        self,
        weight: Float[Tensor, "replica width out"],
        bias: Float[Tensor, "replica 1 out"] | None = None,
        *,
        norm: LayerNorm | None,
    ) -> Float[Tensor, "replica place out"]:
        """The residual stream times a weight. With a norm, the stream is computed and normalized first; without one,
        each term of the sum is multiplied by the weight."""
        if norm:
            return ResidualSum(norm(self.value())).read(weight, bias, norm=None)
        total = affine(self.known, weight, bias)
        for activations, weights in self.products:
            total = torch.baddbmm(total, *_in_cheaper_order(activations, weights, weight))
        return total


def _in_cheaper_order(x: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """x · first · second as two factors: x · first and second, or x and first · second, whichever is cheaper."""
    (_, n, k), (_, d, c) = x.shape, second.shape
    left_first, right_first = n * k * d + n * d * c, k * d * c + n * k * c
    return (torch.bmm(x, first), second) if left_first < right_first else (x, torch.bmm(first, second))


class LayerNorm(nn.Module):
    """torch's layer normalization: mean 0 and variance 1 over the width, then a learned scale and shift."""

    def __init__(self, width: int, n_replicas: int) -> None:
        super().__init__()
        self.scale, self.shift = constant(1.0, width, n_replicas), constant(0.0, width, n_replicas)

    def forward(self, x: Float[Tensor, "replica place width"]) -> Float[Tensor, "replica place width"]:
        if len(x) == 1:  # scale and shift in one pass
            return functional.layer_norm(x, x.shape[-1:], self.scale.flatten(), self.shift.flatten())
        return functional.layer_norm(x, x.shape[-1:]) * self.scale + self.shift


class FeedForward(nn.Module):
    """The MLP of a block: one hidden layer of neurons that reads the residual stream and adds to it."""

    def __init__(
        self, width: int, d_mlp: int, *, activation: str, dropout: Dropout, generators: Sequence[Generator]
    ) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[activation], dropout
        std, n_replicas = width**-0.5, len(generators)
        self.into = gaussian(width, d_mlp, std=std, generators=generators)
        self.into_bias = constant(0.0, d_mlp, n_replicas)
        self.out = gaussian(d_mlp, width, std=std, generators=generators)
        self.out_bias = constant(0.0, width, n_replicas)

    def neurons(self, stream: ResidualSum, *, norm: LayerNorm | None) -> Float[Tensor, "replica place neuron"]:
        """The activations of the neurons."""
        activate: Callable[[Tensor], Tensor] = self.activation
        neurons: Tensor = self.dropout(activate(stream.read(self.into, self.into_bias, norm=norm)))
        return neurons

    def forward(self, stream: ResidualSum, *, norm: LayerNorm | None) -> ResidualSum:
        """The residual stream plus the output of the MLP."""
        return stream.plus(self.neurons(stream, norm=norm), self.out, self.out_bias, dropout=self.dropout)


def stack_per_example(
    values: Sequence[Float[Tensor, "replica _ column"]],
) -> Float[Tensor, "replica example n column"]:
    """The tensors stacked along a new axis after the example axis. A tensor with one example is repeated for all."""
    return torch.stack(torch.broadcast_tensors(*values), dim=2)
