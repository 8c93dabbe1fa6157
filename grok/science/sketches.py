"""Count sketches (Charikar et al. 2002): short vectors that stand for long ones, to tell their distances later."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor


def count_sketch(
    vectors: Float[Tensor, "*batch entry"], place: Int[Tensor, " entry"], sign: Float[Tensor, " entry"], *, length: int
) -> Float[Tensor, "*batch place"]:
    """Every entry added, with its sign, to its place. With random signs and places the squared length of a sketch is
    right in the mean, with a relative deviation of at most √(2 / length)."""
    return vectors.new_zeros(*vectors.shape[:-1], length).index_add_(-1, place, vectors * sign)


def distance_to_last(sketches: Float[Tensor, "*batch look place"]) -> Float[Tensor, "*batch look"]:
    """The Euclidean distance of each look's vector to the last one's, from their sketches."""
    return (sketches - sketches[..., -1:, :]).square().sum(-1).sqrt()
