"""Random bits packed into 64-bit words: sampling, parity and unpacking."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn import functional

WORD, BYTE = 64, 8


def random_bit_words(n: int, n_bits: int, generator: Generator) -> Int[Tensor, "n word"]:
    """Fair random bits of n examples. The last word's bits beyond `n_bits` are random too; ignore them."""
    words = torch.empty(n, -(-n_bits // WORD), dtype=torch.int64)
    return words.random_(-(2**63), None, generator=generator)


def parity(words: Int[Tensor, "example word"], positions: Int[Tensor, "example k"]) -> Int[Tensor, " example"]:
    """The sum modulo 2 of each example's bits at its positions; position j is bit j % 64 of word j // 64."""
    bits = words.gather(1, positions // WORD) >> positions % WORD & 1
    return bits.sum(1) % 2


def unpack_bits(words: Int[Tensor, "*batch word"], n_bits: int, dtype: torch.dtype) -> Float[Tensor, "*batch bit"]:
    """The bits as the numbers 0 and 1. A lookup per byte is three times as fast as a shift per bit."""
    # A little-endian processor stores a word's bytes in the order of their bits.
    octets = words.view(torch.uint8)[..., : -(-n_bits // BYTE)]
    return functional.embedding(octets.int(), _byte_bits(dtype, words.device)).flatten(-2)[..., :n_bits]


@lru_cache
def _byte_bits(dtype: torch.dtype, device: torch.device) -> Float[Tensor, "256 8"]:
    """The bits of every byte, lowest bit first."""
    octets, positions = torch.arange(256, device=device).unsqueeze(1), torch.arange(BYTE, device=device)
    return (octets >> positions & 1).to(dtype)
