"""Principal components of an embedding of residues."""

import pytest
import torch

from grok.science.modular.principal_components import (
    circularities,
    circularity,
    dominant_frequency,
    effective_dimension,
    principal_components,
)
from tests.science.modular.test_fourier import ring
from tests.science.reference_networks import clock, pizza, published


def test_two_rings_are_four_circular_components():
    vectors, shares = principal_components(ring(31, 3, 8) * torch.tensor([3.0, 1.0, 3.0, 1.0]) + 7)
    assert shares[:4].tolist() == pytest.approx([0.45, 0.45, 0.05, 0.05])
    assert dominant_frequency(vectors[:, :4]).tolist() == [3, 3, 8, 8]
    assert circularity(vectors) == pytest.approx(1)
    assert effective_dimension(torch.tensor([0.5, 0.5, 0.0])) == pytest.approx(2)


def test_noise_is_not_circular():
    assert circularity(principal_components(torch.randn(113, 128))[0]) < 0.3


def test_an_embedding_that_is_not_finite_has_nan_components_and_does_not_affect_another_replica():
    embedding = torch.randn(2, 15, 4, dtype=torch.float64)
    embedding[0, 3, 1] = torch.inf
    vectors, shares = principal_components(embedding)
    assert vectors[0].isnan().all() and shares[0].isnan().all() and circularity(vectors)[0].isnan()
    assert effective_dimension(shares).isnan().tolist() == [True, False]
    torch.testing.assert_close(shares[1], principal_components(embedding[1])[1])


def test_batched_replicas_have_the_components_of_single_replicas():
    embedding = torch.randn(2, 15, 4, dtype=torch.float64)
    vectors, shares = principal_components(embedding)
    for r in range(2):
        single_vectors, single_shares = principal_components(embedding[r])
        torch.testing.assert_close(shares[r], single_shares)
        torch.testing.assert_close(circularities(vectors)[r, :4], circularities(single_vectors)[:4])


def test_the_published_clock_has_the_published_components():
    network, _ = clock()
    vectors, shares = principal_components(network.embedding)
    for share, expected in zip(shares, (".1204", ".1181", ".0869", ".0846"), strict=False):
        assert share == published(expected)
    assert circularity(vectors) == published(".9597")
    first, second = circularities(vectors)[:2]
    assert first == published(".9957") and second == published(".9982")
    assert dominant_frequency(vectors)[:8].tolist() == [23, 23, 6, 6, 37, 37, 41, 41]
    assert effective_dimension(shares) == published("16.02")


def test_the_published_pizza_has_the_published_circularity():
    network, _ = pizza()
    circular = circularity(principal_components(network.embedding)[0])
    # The authors have .99781845: their float32 changes the seventh digit, and the exact value is .99781835.
    assert circular == published(".997818")
