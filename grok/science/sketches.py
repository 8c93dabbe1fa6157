"""Count sketches (Charikar et al. 2002): short vectors that stand for long ones, to tell their distances later."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Real
from torch import Generator, Tensor


def drawn(n_entries: int, *, length: int, generator: Generator) -> tuple[Int[Tensor, " entry"], Int[Tensor, " entry"]]:
    """A random place and a random sign for each entry, on the generator's device."""
    place = torch.randint(length, (n_entries,), generator=generator, device=generator.device)
    coins = torch.randint(2, (n_entries,), generator=generator, device=generator.device)
    return place, 2 * coins.to(torch.int8) - 1


def count_sketch(
    vectors: Float[Tensor, "*batch entry"], place: Int[Tensor, " entry"], sign: Real[Tensor, " entry"], *, length: int
) -> Float[Tensor, "*batch place"]:
    """Every entry added, with its sign, to its place. With random signs and places the squared length of a sketch is
    right in the mean, with a relative deviation of at most √(2 / length)."""
    return vectors.new_zeros(*vectors.shape[:-1], length).index_add_(-1, place, vectors * sign)


def distance_to_last(sketches: Float[Tensor, "*batch look place"]) -> Float[Tensor, "*batch look"]:
    """The Euclidean distance of each look's vector to the last one's, from their sketches."""
    return (sketches - sketches[..., -1:, :]).square().sum(-1).sqrt()
