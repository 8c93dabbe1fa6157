"""Neurons and the frequency each works at."""

import math

import torch

from grok.science import neurons
from tests.science.reference_networks import clock, published

P = 15


def of(function) -> torch.Tensor:
    """A neuron's activations over all pairs."""
    a, b = torch.meshgrid(*[2 * math.pi * torch.arange(P).double() / P] * 2, indexing="ij")
    return function(a, b).flatten()


def test_a_neuron_belongs_to_the_frequency_of_its_waves_and_products():
    activations = torch.stack(
        [
            of(lambda a, b: 5 + torch.cos(2 * a) + torch.sin(2 * b)),
            of(lambda a, b: torch.cos(7 * a + 0.3) * torch.cos(7 * b)),
            of(lambda a, b: torch.cos(a) + 2 * torch.cos(3 * a + 3 * b)),
            of(lambda a, b: torch.cos(a) * torch.cos(2 * b)),  # of two frequencies: of neither's block
            of(lambda a, b: 0 * a),
        ],
        -1,
    )
    shares = neurons.share_by_frequency(activations)
    best = neurons.explained(shares)
    torch.testing.assert_close(best, torch.tensor([1, 1, 2 / 2.5, 0, 0], dtype=torch.float64), rtol=0, atol=1e-12)
    assert neurons.per_frequency(shares).tolist() == [0, 1, 0, 0, 0, 0, 1]
    assert neurons.per_frequency(shares, above=0.5).tolist() == [0, 1, 1, 0, 0, 0, 1]
    assert not neurons.polysemantic(shares)[[0, 1, 4]].any() and neurons.polysemantic(shares)[2]


def test_replicas_together_are_replicas_alone():
    activations = torch.relu(torch.randn(2, P * P, 6, dtype=torch.float64))
    together = neurons.share_by_frequency(activations)
    for r in range(2):
        torch.testing.assert_close(together[r], neurons.share_by_frequency(activations[r]))
    assert (together.sum(-2) <= 1).all()


def test_the_fraction_of_neurons_without_a_number_is_none():
    shares = torch.tensor([[[0.9, 0.2], [0.0, 0.1]], [[0.9, torch.nan], [0.0, torch.nan]]])
    explained = neurons.fraction(neurons.explained(shares) > neurons.EXPLAINED, shares)
    assert explained[0] == 0.5 and explained[1].isnan()


def test_the_share_of_the_references_neurons_that_one_frequency_explains():
    _, outputs = clock()
    shares = neurons.share_by_frequency(outputs.neurons)
    counts = neurons.per_frequency(shares)
    assert 100 * counts.sum() / shares.shape[-1] == published("36.1")
    assert counts.sum() + neurons.polysemantic(shares).sum() == 512  # none is dead
