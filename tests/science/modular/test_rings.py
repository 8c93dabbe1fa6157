"""Rings of an embedding at each frequency."""

import math

import pytest
import torch

from grok.science.modular import key_frequencies, rings
from tests.science.modular.test_fourier import ring
from tests.science.reference_networks import clock, pizza


def rotated(flat: torch.Tensor, d: int = 9) -> torch.Tensor:
    """The same figure, randomly rotated in d dimensions."""
    rotation, _ = torch.linalg.qr(torch.randn(d, flat.shape[-1], dtype=flat.dtype))
    return flat @ rotation.T


def test_a_circle_is_round_and_pure_and_its_coordinates_are_recovered():
    embedding = rotated(2 * ring(31, 4)) + 1
    assert rings.roundness(embedding)[3] == pytest.approx(1) and rings.purity(embedding)[3] == pytest.approx(1)
    assert rings.circularity(embedding)[3] == pytest.approx(1)
    torch.testing.assert_close(rings.coordinates(embedding)[3], 2 * ring(31, 4))


def test_an_ellipse_is_less_round_and_a_line_has_roundness_zero():
    flat = ring(31, 4)
    assert rings.roundness(rotated(flat * torch.tensor([1.0, 3.0])))[3] == pytest.approx(2 * 3 / (1 + 9))
    assert rings.roundness(rotated(flat[:, :1]))[3] == pytest.approx(0, abs=1e-6)
    sheared = torch.stack([flat[:, 0], flat[:, 0] * math.cos(1.0) + flat[:, 1] * math.sin(1.0)], 1)
    assert rings.roundness(rotated(sheared))[3] < 0.9  # equal lengths, but no right angle


def test_another_frequency_in_the_plane_makes_it_impure():
    embedding = rotated(ring(31, 4) + 0.5 * ring(31, 9))
    assert rings.roundness(embedding)[3] == pytest.approx(1)
    assert rings.purity(embedding)[3] == pytest.approx(1 / 1.25)


def test_rings_in_orthogonal_planes_do_not_affect_each_other():
    embedding = rotated(torch.cat([ring(31, 4), 0.1 * ring(31, 9)], 1))
    assert rings.circularity(embedding)[[3, 8]].tolist() == pytest.approx([1, 1])


def test_noise_is_round_but_half_impure():
    embedding = torch.randn(113, 128, dtype=torch.float64)
    assert rings.roundness(embedding).mean() > 0.98
    assert rings.circularity(embedding).mean() == pytest.approx(128 / (128 + 113), abs=0.03)


def test_a_zero_embedding_has_zero_circularity_and_coordinates():
    assert not rings.circularity(torch.zeros(7, 3)).any() and not rings.coordinates(torch.zeros(7, 3)).any()


@pytest.mark.parametrize("p", [31, 15])
def test_residues_are_ordered_around_the_ring(p):
    order = rings.ring_order(p)
    position = torch.arange(1, p // 2 + 1)[:, None] * order % p
    assert (position.diff() >= 0).all() and (order.sort().values == torch.arange(p)).all()
    if p == 31:
        assert order[3, 1] == 8  # 4 · 8 = 1 mod 31


def test_batched_replicas_have_the_rings_of_single_replicas():
    embedding = torch.randn(2, 15, 4)
    for measure in (rings.coordinates, rings.roundness, rings.purity, rings.circularity):
        batched = measure(embedding)
        assert batched.dtype == torch.float32
        for r in range(2):
            torch.testing.assert_close(batched[r], measure(embedding[r]))


def test_the_published_networks_have_rings_at_their_key_frequencies():
    network, _ = clock()
    keys = key_frequencies.of_neuron_logit_map(network.neuron_logit_map)
    assert rings.circularity(network.embedding)[keys].min() > 0.98
    network, _ = pizza()
    keys = key_frequencies.of_embedding(network.embedding)
    assert rings.circularity(network.embedding)[keys].min() > 0.99
