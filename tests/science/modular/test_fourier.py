"""Spectra on Z_p."""

import math

import pytest
import torch

from grok.science.losses import cross_entropy
from grok.science.modular import fourier
from tests.science.reference_networks import clock, published


def ring(p: int, *frequencies: int) -> torch.Tensor:
    """Residues on circles, two columns for each frequency."""
    angle = 2 * math.pi * torch.outer(torch.arange(p).double(), torch.tensor(frequencies).double()) / p
    return torch.cat([angle.cos(), angle.sin()], 1)


@pytest.mark.parametrize("p", [3, 15, 113])
def test_the_basis_is_orthonormal_for_odd_p_prime_or_not(p):
    basis = fourier.basis(p, like=torch.empty(0))
    torch.testing.assert_close(basis @ basis.T, torch.eye(p, dtype=torch.float64), rtol=0, atol=1e-13)


@pytest.mark.parametrize("p", [1, 2, 112])
def test_a_p_that_is_even_or_below_three_has_no_basis(p):
    with pytest.raises(ValueError, match=f"odd p ≥ 3, not {p}"):
        fourier.basis(p, like=torch.empty(0))


def test_a_circle_has_one_frequency_even_the_highest():
    for k in (5, 15):
        share = fourier.share_by_frequency(ring(31, k))
        assert share.argmax() == k - 1 and share.max() > 1 - 1e-12


def test_a_transform_keeps_the_power_and_has_an_inverse():
    values = torch.randn(2, 15, 4, dtype=torch.float64)
    power = fourier.norm_by_direction(values).square()
    torch.testing.assert_close(power.sum(-1), values.square().sum((-2, -1)))  # Parseval
    torch.testing.assert_close(fourier.power_by_frequency(values).sum(-1), power[..., 1:].sum(-1))
    torch.testing.assert_close(fourier.inverse(fourier.transform(values)), values)


def test_the_power_equals_that_of_torchs_fft():
    values = torch.randn(113, 8, dtype=torch.float64)
    fft_power = torch.fft.rfft(values, dim=0, norm="ortho")[1:].abs().square().sum(-1) * 2
    torch.testing.assert_close(fourier.power_by_frequency(values), fft_power)


def test_zero_variance_has_zero_shares_not_nan():
    assert torch.equal(fourier.share_by_frequency(torch.zeros(7, 2)), torch.zeros(3))


def test_a_projection_keeps_the_marked_frequencies():
    values = ring(31, 3) + 2 * ring(31, 7) + 5
    keys = torch.zeros(15, dtype=torch.bool).index_fill(0, torch.tensor([6]), True)
    torch.testing.assert_close(fourier.project_onto_frequencies(values, keys, keep_mean=True), 2 * ring(31, 7) + 5)
    torch.testing.assert_close(fourier.project_onto_frequencies(values, keys, keep_mean=False), 2 * ring(31, 7))


def test_the_reference_has_most_of_its_power_at_five_frequencies():
    network, _ = clock()
    for weights, share in ((network.embedding, ".830"), (network.neuron_logit_map, ".990")):
        assert fourier.share_by_frequency(weights).topk(5).values.sum() == published(share)


def test_the_reference_restricted_to_products_of_waves_of_a_and_b_has_the_published_loss():
    """Nanda et al.'s text: the 2 × 2 products of cos and sin of each key, by a transform along a and one along b."""
    _, outputs = clock()
    keys = torch.zeros(56, dtype=torch.bool).index_fill(0, torch.tensor([6, 23, 37, 39, 41]) - 1, True)
    coefficients = fourier.transform(fourier.transform(outputs.logits.reshape(113, -1)).reshape(113, 113, 113))
    frequency = (torch.arange(113) + 1) // 2
    is_key = torch.cat([torch.zeros(1, dtype=torch.bool), keys.repeat_interleave(2)])
    is_kept = (frequency[:, None] == frequency) & is_key
    is_kept[0, 0] = True
    logits = fourier.inverse(fourier.inverse(coefficients * is_kept[..., None]).view(113, -1)).view(-1, 113)
    assert cross_entropy(logits, outputs.residue).mean() == published("2.436e-9")
