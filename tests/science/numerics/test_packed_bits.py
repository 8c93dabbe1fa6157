"""Packed bits: random bits are fair, unpacked bits equal those of Python's integers, and parity is their sum."""

import pytest
import torch

from grok.science.numerics.packed_bits import parity, random_bit_words, unpack_bits


def random_words(n: int, n_bits: int, seed: int = 0) -> torch.Tensor:
    return random_bit_words(n, n_bits, torch.Generator().manual_seed(seed))


def python_bits(words: torch.Tensor, n_bits: int) -> list[list[int]]:
    """The bits of the words as Python's integers."""
    return [[word[j // 64] >> j % 64 & 1 for j in range(n_bits)] for word in words.tolist()]


@pytest.mark.parametrize("n_bits", [1, 8, 32, 63, 64, 65, 100, 200])
def test_unpacked_bits_equal_those_of_pythons_integers(n_bits):
    words = random_words(50, n_bits)
    assert words.shape == (50, -(-n_bits // 64))
    assert unpack_bits(words, n_bits, torch.float64).tolist() == python_bits(words, n_bits)


def test_unpacking_keeps_leading_axes_and_accepts_views():
    words = random_words(24, 100).view(2, 12, 2)
    view = torch.cat([torch.zeros(2, 12, 1, dtype=torch.int64), words], 2)[..., 1:]
    expanded = unpack_bits(words[:1].expand(3, -1, -1), 100, torch.float32)
    assert torch.equal(unpack_bits(view, 100, torch.float32), unpack_bits(words, 100, torch.float32))
    assert expanded.shape == (3, 12, 100) and torch.equal(expanded[2], unpack_bits(words[0], 100, torch.float32))


def test_bits_are_fair_and_uncorrelated():
    bits = unpack_bits(random_words(20_000, 128), 128, torch.float64)
    covariance = bits.T.cov()
    assert (bits.mean(0) - 0.5).abs().max() < 0.02  # five standard errors are 0.018
    assert (covariance.diagonal() - 0.25).abs().max() < 0.001
    assert (covariance - covariance.diag().diag()).abs().max() < 0.01


def test_parity_is_the_sum_of_the_bits_modulo_2():
    words = random_words(200, 100)
    positions = torch.stack([torch.randperm(100)[:5] for _ in range(200)])
    examples = zip(python_bits(words, 100), positions.tolist(), strict=True)
    expected = [sum(bits[j] for j in subset) % 2 for bits, subset in examples]
    assert parity(words, positions).tolist() == expected
