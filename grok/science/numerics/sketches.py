"""Count sketches (Charikar et al. 2002): short vectors that preserve the distances between long vectors."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Real
from torch import Generator, Tensor


def random_places_and_signs(
    n_entries: int, *, length: int, generator: Generator
) -> tuple[Int[Tensor, " entry"], Int[Tensor, " entry"]]:
    """A random place in the sketch and a random sign for each entry, on the generator's device."""
    place = torch.randint(length, (n_entries,), generator=generator, device=generator.device)
    bits = torch.randint(2, (n_entries,), generator=generator, device=generator.device)
    return place, 2 * bits.to(torch.int8) - 1


def count_sketch(
    vectors: Float[Tensor, "*batch entry"], place: Int[Tensor, " entry"], sign: Real[Tensor, " entry"], *, length: int
) -> Float[Tensor, "*batch place"]:
    """The sketch of each vector: every entry, times its sign, is added at its place.

    With random signs and places, a sketch's squared length is an unbiased estimate of the vector's. Its relative
    standard deviation is at most √(2 / length).
    """
    return vectors.new_zeros(*vectors.shape[:-1], length).index_add_(-1, place, vectors * sign)


def distances_to(sketches: Float[Tensor, "*batch step place"], index: int) -> Float[Tensor, "*batch step"]:
    """The Euclidean distances from the vectors of all evaluation steps to that at an index, such as 0 or −1, estimated
    from their sketches."""
    return (sketches - sketches[..., index, :].unsqueeze(-2)).square().sum(-1).sqrt()
