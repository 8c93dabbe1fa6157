"""Random bits, 64 in a word: drawn, added modulo 2, and unpacked for a network."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn import functional

WORD, BYTE = 64, 8


def random_words(n: int, n_bits: int, generator: Generator) -> Int[Tensor, "n word"]:
    """Fair bits for n examples; bits of the last word beyond `n_bits` are drawn as well, and are to be ignored."""
    words = torch.empty(n, -(-n_bits // WORD), dtype=torch.int64)
    return words.random_(-(2**63), None, generator=generator)


def parity(words: Int[Tensor, "example word"], positions: Int[Tensor, "example k"]) -> Int[Tensor, " example"]:
    """The sum modulo 2 of each example's bits at its positions; position j is bit j % 64 of word j // 64."""
    bits = words.gather(1, positions // WORD) >> positions % WORD & 1
    return bits.sum(1) % 2


def unpacked(words: Int[Tensor, "*batch word"], n_bits: int, dtype: torch.dtype) -> Float[Tensor, "*batch bit"]:
    """The bits as numbers 0 and 1. Looked up byte by byte, that is three times as fast as shifting words by bits."""
    octets = words.view(torch.uint8)[..., : -(-n_bits // BYTE)]  # in order of their bits on a little-endian processor
    return functional.embedding(octets.int(), _bits_of_bytes(dtype, words.device)).flatten(-2)[..., :n_bits]


@lru_cache
def _bits_of_bytes(dtype: torch.dtype, device: torch.device) -> Float[Tensor, "256 8"]:
    octets, places = torch.arange(256, device=device).unsqueeze(1), torch.arange(BYTE, device=device)
    return (octets >> places & 1).to(dtype)
