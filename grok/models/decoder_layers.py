"""Layers of the decoder for batched replicas: affine maps, causal attention with its positions, and blocks.

A place is an example at a position: the places of a replica are those of its first example, then of its second, …
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from grok.models.model import position_of_each
from grok.models.transformer_layers import ACTIVATIONS, LayerNorm, affine, constant, gaussian

Positions = Int[Tensor, "replica example"]  # one position of each example

ROTARY_BASE = 10_000.0  # Su et al. 2021 (arXiv:2104.09864), Sec. 3.3


def keep_places(x: Float[Tensor, "replica place width"], kept: Positions | None) -> Float[Tensor, "replica kept width"]:
    """The places at one position of each example; all of them without positions."""
    return x if kept is None else position_of_each(x.unflatten(1, (kept.shape[1], -1)), kept)


class Affine(nn.Module):
    """R affine maps in one batch, initialized from N(0, gain² / n_in); the biases are 0."""

    def __init__(self, n_in: int, n_out: int, *, gain: float = 1.0, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.weight = gaussian(n_in, n_out, std=gain * n_in**-0.5, generators=generators)
        self.bias = constant(0.0, n_out, len(generators))

    def forward(self, x: Float[Tensor, "replica place n_in"]) -> Float[Tensor, "replica place n_out"]:
        return affine(x, self.weight, self.bias)


class Rotary(nn.Module):
    """Rotates queries and keys by angles that grow with the position (Su et al. 2021).

    A score then depends on the distance of the two positions, not on where they are. A pair of coordinates that rotates
    together is one of each half of the head, as in GPT-NeoX.
    """

    cosines: Float[Tensor, "position d_head"]
    sines: Float[Tensor, "position d_head"]

    def __init__(self, length: int, d_head: int) -> None:
        super().__init__()
        frequencies = ROTARY_BASE ** -(torch.arange(0, d_head, 2, dtype=torch.float64) / d_head)
        angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies).repeat(1, 2)
        self.register_buffer("cosines", angles.cos(), persistent=False)
        self.register_buffer("sines", angles.sin(), persistent=False)

    def forward(self, x: Float[Tensor, "*batch position d_head"]) -> Float[Tensor, "*batch position d_head"]:
        n_positions = x.shape[-2]
        first, second = x.chunk(2, dim=-1)
        return x * self.cosines[:n_positions] + torch.cat([-second, first], -1) * self.sines[:n_positions]


class RelativePositions(nn.Module):
    """A learned vector for each distance from a query to a key, which is added to the key. The heads share the vectors
    (Shaw et al. 2018, arXiv:1803.02155)."""

    def __init__(self, length: int, d_head: int, *, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.vectors = gaussian(length, d_head, std=d_head**-0.5, generators=generators)

    def forward(
        self, queries: Float[Tensor, "sequence head query d_head"]
    ) -> Float[Tensor, "sequence head query position"]:
        """What the vectors add to the scores. Values at later positions than the query are meaningless."""
        n = queries.shape[2]
        vectors = self.vectors[:, :n].flip(1)  # the last one has distance 0
        scores = torch.bmm(queries.reshape(len(vectors), -1, queries.shape[3]), vectors.mT).view(*queries.shape[:3], n)
        # Row i must move left by n − 1 − i: with one more column, rows of n + 1 are read as rows of n.
        return functional.pad(scores, (1, 0)).flatten(2)[..., n:].view_as(scores)


class CausalAttention(nn.Module):
    """Softmax attention of each position to itself and earlier ones; a head has width / heads dimensions.

    It is written out because torch's `scaled_dot_product_attention` takes 5 to 9 times as long on a CPU at these sizes,
    measured at contexts of 85 to 128 tokens.
    """

    future: Float[Tensor, "query position"]

    def __init__(
        self, width: int, heads: int, *, positions: str, length: int, gain: float, generators: Sequence[Generator]
    ) -> None:
        super().__init__()
        self.heads, d_head = heads, width // heads
        self.qkv = Affine(width, 3 * width, generators=generators)
        self.outputs = Affine(width, width, gain=gain, generators=generators)
        self.rotary = Rotary(length, d_head) if positions == "rotary" else None
        self.relative = RelativePositions(length, d_head, generators=generators) if positions == "relative" else None
        future = torch.full((length, length), -math.inf, dtype=torch.float64).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(
        self, x: Float[Tensor, "replica place width"], *, n_examples: int, kept: Positions | None
    ) -> tuple[Float[Tensor, "replica kept width"], Float[Tensor, "sequence head query position"]]:
        """The output at the kept places, and the whole pattern. A sequence is an example of a replica."""
        sequences = self.qkv(x).view(len(x) * n_examples, -1, 3, self.heads, x.shape[2] // self.heads)
        queries, keys, values = sequences.permute(2, 0, 3, 1, 4)
        if self.rotary is not None:
            queries, keys = self.rotary(queries), self.rotary(keys)
        queries = queries / math.sqrt(queries.shape[3])
        scores = queries @ keys.mT + self.future[: keys.shape[2], : keys.shape[2]]
        if self.relative is not None:
            scores = scores + self.relative(queries)
        pattern = scores.softmax(-1)
        attended = (pattern @ values).transpose(1, 2).reshape(x.shape)
        outputs: Tensor = self.outputs(keep_places(attended, kept))
        return outputs, pattern


class DecoderMlp(nn.Module):
    """The MLP of a block: one hidden layer of neurons."""

    def __init__(
        self, width: int, d_mlp: int, *, activation: str, gain: float, generators: Sequence[Generator]
    ) -> None:
        super().__init__()
        self.into = Affine(width, d_mlp, generators=generators)
        self.out = Affine(d_mlp, width, gain=gain, generators=generators)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Float[Tensor, "replica place width"]) -> Float[Tensor, "replica place width"]:
        outputs: Tensor = self.out(self.activation(self.into(x)))
        return outputs


class DecoderBlock(nn.Module):
    """Attention and an MLP, or attention alone. Both read the residual stream, through a norm if there is one, and add
    to it."""

    def __init__(
        self,
        width: int,
        heads: int,
        d_mlp: int,
        *,
        activation: str,
        layer_norm: bool,
        positions: str,
        length: int,
        gain: float,
        generators: Sequence[Generator],
    ) -> None:
        super().__init__()
        n_replicas = len(generators)
        self.before_attention = LayerNorm(width, n_replicas) if layer_norm else nn.Identity()
        self.attention = CausalAttention(
            width, heads, positions=positions, length=length, gain=gain, generators=generators
        )
        self.mlp = DecoderMlp(width, d_mlp, activation=activation, gain=gain, generators=generators) if d_mlp else None
        self.before_mlp = LayerNorm(width, n_replicas) if layer_norm and d_mlp else nn.Identity()

    def forward(
        self, x: Float[Tensor, "replica place width"], *, n_examples: int, kept: Positions | None = None
    ) -> tuple[Float[Tensor, "replica kept width"], Float[Tensor, "sequence head query position"]]:
        """The residual stream after the block, and the attention pattern.

        `kept` is one position of each example: the stream there alone is computed, from all positions before the block.
        """
        attended, pattern = self.attention(self.before_attention(x), n_examples=n_examples, kept=kept)
        x = keep_places(x, kept) + attended
        return x if self.mlp is None else x + self.mlp(self.before_mlp(x)), pattern
