"""Bits in words: what is drawn is fair, what is unpacked is what Python reads, and parity is the sum of bits."""

import pytest
import torch

from grok.science.packed_bits import parity, random_words, unpacked


def words(n: int, n_bits: int, seed: int = 0) -> torch.Tensor:
    return random_words(n, n_bits, torch.Generator().manual_seed(seed))


def read(words: torch.Tensor, n_bits: int) -> list[list[int]]:
    """The bits as Python's own integers have them."""
    return [[word[j // 64] >> j % 64 & 1 for j in range(n_bits)] for word in words.tolist()]


@pytest.mark.parametrize("n_bits", [1, 8, 32, 63, 64, 65, 100, 200])
def test_unpacked_bits_are_those_that_python_reads(n_bits):
    packed = words(50, n_bits)
    assert packed.shape == (50, -(-n_bits // 64))
    assert unpacked(packed, n_bits, torch.float64).tolist() == read(packed, n_bits)


def test_leading_axes_and_views_are_as_they_come():
    packed = words(24, 100).view(2, 12, 2)
    beside = torch.cat([torch.zeros(2, 12, 1, dtype=torch.int64), packed], 2)[..., 1:]
    one = unpacked(packed[:1].expand(3, -1, -1), 100, torch.float32)
    assert torch.equal(unpacked(beside, 100, torch.float32), unpacked(packed, 100, torch.float32))
    assert one.shape == (3, 12, 100) and torch.equal(one[2], unpacked(packed[0], 100, torch.float32))


def test_every_bit_is_fair_and_on_its_own():
    bits = unpacked(words(20_000, 128), 128, torch.float64)
    covariance = bits.T.cov()
    assert (bits.mean(0) - 0.5).abs().max() < 0.02  # five standard errors are 0.018
    assert (covariance.diagonal() - 0.25).abs().max() < 0.001
    assert (covariance - covariance.diag().diag()).abs().max() < 0.01


def test_parity_is_the_sum_of_the_bits_modulo_2():
    packed = words(200, 100)
    positions = torch.stack([torch.randperm(100)[:5] for _ in range(200)])
    expected = [sum(bits[j] for j in at) % 2 for bits, at in zip(read(packed, 100), positions.tolist(), strict=True)]
    assert parity(packed, positions).tolist() == expected
