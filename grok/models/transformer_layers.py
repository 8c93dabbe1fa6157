"""Parts of the transformer, each for R networks side by side: embedding, residual stream, attention, perceptron, norm.

A parameter is [replica, in, out], with the heads side by side in `out` of keys, queries and values and in `in` of
outputs: every product is then one batched product of contiguous matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu_, "gelu": functional.gelu}
N_OPERANDS = 2


def gaussian(n_in: int, n_out: int, *, deviation: float, generators: Sequence[Generator]) -> nn.Parameter:
    """A parameter [replica, in, out] from N(0, deviation²), drawn in float64 by each replica's generator."""
    drawn = [torch.randn(n_in, n_out, generator=each, dtype=torch.float64) for each in generators]
    return nn.Parameter(torch.stack(drawn) * deviation)


def constant(value: float, width: int, n_replicas: int) -> nn.Parameter:
    """A parameter [replica, 1, width] that starts at this value."""
    return nn.Parameter(torch.full((n_replicas, 1, width), value, dtype=torch.float64))


class Gaussian(nn.Module):
    """One matrix a replica, drawn from N(0, deviation²)."""

    def __init__(self, n_in: int, n_out: int, *, deviation: float, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.weight = gaussian(n_in, n_out, deviation=deviation, generators=generators)


def lookup(
    table: Float[Tensor, "replica row column"], rows: Int[Tensor, "replica ..."]
) -> Float[Tensor, "replica ... column"]:
    """Each replica's rows of its own table. An embedding's gradient is several times as fast as that of an index."""
    starts = torch.arange(len(table), device=rows.device) * table.shape[1]
    return functional.embedding(rows + starts.view(-1, *[1] * (rows.dim() - 1)), table.flatten(0, 1))


class Dropout(nn.Module):
    """Entries left out with probability `rate`, and the others divided by 1 − rate, while the network trains
    (Srivastava et al. 2014). Each replica's are drawn by its own generator."""

    generators: Sequence[Generator] = ()

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    @property
    def active(self) -> bool:
        """Whether anything is left out now."""
        return self.training and self.rate > 0

    def forward(self, x: Float[Tensor, "replica ..."]) -> Float[Tensor, "replica ..."]:
        if not self.active:
            return x
        kept = x.new_empty(x.shape)
        for own, generator in zip(kept, self.generators, strict=True):
            own.bernoulli_(1 - self.rate, generator=generator)
        return x * kept / (1 - self.rate)


class Embedding(nn.Module):
    """Learned vectors of tokens and of positions; with an equals sign there is one more of each."""

    def __init__(self, n_tokens: int, width: int, *, equals_sign: bool, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.n_tokens, self.equals_sign = n_tokens, equals_sign
        deviation = width**-0.5
        self.tokens = gaussian(n_tokens + equals_sign, width, deviation=deviation, generators=generators)
        self.positions = gaussian(N_OPERANDS + equals_sign, width, deviation=deviation, generators=generators)

    def table(self) -> Float[Tensor, "replica row width"]:
        """Every token at every position where it can stand: row j · n_tokens + t, that of the equals sign last."""
        tokens, equals = self.tokens.split([self.n_tokens, int(self.equals_sign)], dim=1)
        positions, last = self.positions.split([N_OPERANDS, int(self.equals_sign)], dim=1)
        return torch.cat([(positions.unsqueeze(2) + tokens.unsqueeze(1)).flatten(1, 2), equals + last], dim=1)

    def rows(self, inputs: Int[Tensor, "replica example 2"]) -> list[Int[Tensor, "replica _"]]:
        """The row of the table that each position has in each example; the equals sign has one for all of them."""
        rows = [inputs[..., position] + position * self.n_tokens for position in range(N_OPERANDS)]
        equals = torch.full_like(inputs[:, :1, 0], N_OPERANDS * self.n_tokens)
        return [*rows, equals] if self.equals_sign else rows


@dataclass(frozen=True)
class Stream:
    """The residual stream as a sum: what is known of every place, and products that are yet to be multiplied out."""

    known: Float[Tensor, "replica _ width"]  # of every place, or of one that stands for all
    products: tuple[tuple[Tensor, Tensor], ...] = ()  # activations [replica, place, in], weights [replica, in, width]

    def plus(self, activations: Tensor, weights: Tensor, bias: Tensor | None = None, *, dropout: Dropout) -> Stream:
        """With the product of activations and weights added; multiplied out where a part of it is left out."""
        if dropout.active:
            written = torch.bmm(activations, weights) if bias is None else torch.baddbmm(bias, activations, weights)
            return Stream(self.value() + dropout(written))
        known = self.known if bias is None else self.known + bias
        return Stream(known, (*self.products, (activations, weights)))

    def value(self) -> Float[Tensor, "replica place width"]:
        """The stream itself."""
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
        """The stream times a weight: normalised first where there is a norm, term by term where there is none."""
        if norm:
            return Stream(norm(self.value())).read(weight, bias, norm=None)
        total = torch.bmm(self.known, weight) if bias is None else torch.baddbmm(bias, self.known, weight)
        for activations, weights in self.products:
            total = torch.baddbmm(total, *_in_cheaper_order(activations, weights, weight))
        return total


def _in_cheaper_order(x: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Two factors of the product x · first · second, with the fewest multiplications on the way."""
    (_, n, k), (_, d, c) = x.shape, second.shape
    left_first, right_first = n * k * d + n * d * c, k * d * c + n * k * c
    return (torch.bmm(x, first), second) if left_first < right_first else (x, torch.bmm(first, second))


class LayerNorm(nn.Module):
    """To mean 0 and variance 1 over the width, then scaled and shifted, as torch's."""

    def __init__(self, width: int, n_replicas: int) -> None:
        super().__init__()
        self.scale, self.shift = constant(1.0, width, n_replicas), constant(0.0, width, n_replicas)

    def forward(self, x: Float[Tensor, "replica place width"]) -> Float[Tensor, "replica place width"]:
        return functional.layer_norm(x, x.shape[-1:]) * self.scale + self.shift


class Attention(nn.Module):
    """Heads that mix the values of the positions by a pattern, c · softmax + (1 − c) · 1, with each replica's own c.

    c is a buffer that no checkpoint has: it is the configuration's.
    """

    coefficient: Float[Tensor, "replica 1 1 1 1"]

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        coefficients: Sequence[float | int],
        causal: bool,
        dropout: Dropout,
        generators: Sequence[Generator],
    ) -> None:
        super().__init__()
        self.heads, self.causal, self.dropout = heads, causal, dropout
        own = torch.tensor(coefficients, dtype=torch.float64).view(-1, 1, 1, 1, 1)
        self.register_buffer("coefficient", own, persistent=False)
        self.keys, self.queries, self.values, self.outputs = (
            gaussian(width, width, deviation=width**-0.5, generators=generators) for _ in range(4)
        )

    def in_table(
        self, table: Float[Tensor, "replica row width"], rows: Sequence[Tensor], *, first_asked: int, n_asked: int
    ) -> tuple[Float[Tensor, "replica example asked width"], Float[Tensor, "replica example asked position head"]]:
        """What the last `n_asked` positions take in, and by what pattern, where each position has a row of a table.

        Keys, queries and values are rows of tables then, and so is the score of two of them. The rows of the asked
        positions are from `first_asked` on.
        """
        queries = self._by_head(table[:, first_asked:], self.queries) / math.sqrt(table.shape[2] // self.heads)
        keys, values = self._by_head(table, self.keys), torch.bmm(table, self.values)
        scores = torch.einsum("rqhi,rkhi->rqkh", queries, keys).flatten(1, 2)
        asked = [row - first_asked for row in rows[-n_asked:]]
        looked_up = [lookup(scores, query * table.shape[1] + key) for query in asked for key in rows]
        pattern = self._pattern(along_examples(looked_up).unflatten(2, (n_asked, len(rows))))
        of_position = [lookup(values, row).unflatten(2, (1, self.heads, -1)) for row in rows]
        parts = [share.unsqueeze(4) * each for share, each in zip(pattern.unbind(3), of_position, strict=True)]
        return reduce(torch.add, parts).flatten(3), pattern

    def in_stream(
        self, x: Float[Tensor, "replica example position width"], *, n_asked: int
    ) -> tuple[Float[Tensor, "replica example asked width"], Float[Tensor, "replica example asked position head"]]:
        """What the last `n_asked` positions take in of all, and by what pattern."""
        queries, keys, values = (
            self._by_head(each.flatten(1, 2), weight).unflatten(1, each.shape[1:3])
            for each, weight in ((x[:, :, -n_asked:], self.queries), (x, self.keys), (x, self.values))
        )
        scores = (queries.unsqueeze(3) * keys.unsqueeze(2)).sum(5) / math.sqrt(x.shape[3] // self.heads)
        pattern = self._pattern(scores)
        return (pattern.unsqueeze(5) * values.unsqueeze(2)).sum(3).flatten(3), pattern

    def _by_head(self, x: Float[Tensor, "replica place width"], weight: Tensor) -> Tensor:
        """The product [replica, place, head, d_head]."""
        product: Tensor = torch.bmm(x, weight).unflatten(2, (self.heads, -1))
        return product

    def _pattern(
        self, scores: Float[Tensor, "replica example asked position head"]
    ) -> Float[Tensor, "replica example asked position head"]:
        """c · softmax + (1 − c) · 1 over the positions that each asked one sees."""
        n_asked, n_positions = scores.shape[2:4]
        seen = torch.ones(n_asked, n_positions, 1, dtype=torch.bool, device=scores.device)
        if self.causal and n_asked > 1:  # the last position sees all
            seen = seen.squeeze(2).tril(n_positions - n_asked).unsqueeze(2)
            scores = scores.masked_fill(~seen, -math.inf)
        pattern: Tensor = self.dropout(self.coefficient * scores.softmax(3) + (1 - self.coefficient) * seen)
        return pattern


def along_examples(
    values: Sequence[Float[Tensor, "replica _ column"]],
) -> Float[Tensor, "replica example n column"]:
    """Stacked behind the example axis; what is the same for all examples is repeated."""
    return torch.stack(torch.broadcast_tensors(*values), dim=2)


class Perceptron(nn.Module):
    """The block's two-layer perceptron: what its neurons read and write."""

    def __init__(
        self, width: int, d_mlp: int, *, activation: str, dropout: Dropout, generators: Sequence[Generator]
    ) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[activation], dropout
        deviation, n_replicas = width**-0.5, len(generators)
        self.into = gaussian(width, d_mlp, deviation=deviation, generators=generators)
        self.into_bias = constant(0.0, d_mlp, n_replicas)
        self.out = gaussian(d_mlp, width, deviation=deviation, generators=generators)
        self.out_bias = constant(0.0, width, n_replicas)

    def neurons(self, stream: Stream, *, norm: LayerNorm | None) -> Float[Tensor, "replica place neuron"]:
        """The neurons' activations."""
        activate: Callable[[Tensor], Tensor] = self.activation
        neurons: Tensor = self.dropout(activate(stream.read(self.into, self.into_bias, norm=norm)))
        return neurons

    def forward(self, stream: Stream, *, norm: LayerNorm | None) -> Stream:
        """The stream with what the neurons write."""
        return stream.plus(self.neurons(stream, norm=norm), self.out, self.out_bias, dropout=self.dropout)
