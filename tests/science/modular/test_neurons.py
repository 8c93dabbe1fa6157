"""Frequencies of neurons."""

import math

import torch

from grok.science.modular import neurons
from tests.science.reference_networks import clock, published

P = 15


def activations_of(function) -> torch.Tensor:
    """A neuron's activations over all pairs, from a function of the two angles."""
    a, b = torch.meshgrid(*[2 * math.pi * torch.arange(P).double() / P] * 2, indexing="ij")
    return function(a, b).flatten()


def test_a_neuron_belongs_to_the_frequency_of_its_waves_and_products():
    activations = torch.stack(
        [
            activations_of(lambda a, b: 5 + torch.cos(2 * a) + torch.sin(2 * b)),
            activations_of(lambda a, b: torch.cos(7 * a + 0.3) * torch.cos(7 * b)),
            activations_of(lambda a, b: torch.cos(a) + 2 * torch.cos(3 * a + 3 * b)),
            activations_of(lambda a, b: torch.cos(a) * torch.cos(2 * b)),  # two frequencies: in neither's block
            activations_of(lambda a, b: 0 * a),
        ],
        -1,
    )
    shares = neurons.share_by_frequency(activations)
    best = neurons.explained(shares)
    torch.testing.assert_close(best, torch.tensor([1, 1, 2 / 2.5, 0, 0], dtype=torch.float64), rtol=0, atol=1e-12)
    assert neurons.count_by_frequency(shares).tolist() == [0, 1, 0, 0, 0, 0, 1]
    assert neurons.count_by_frequency(shares, above=0.5).tolist() == [0, 1, 1, 0, 0, 0, 1]
    assert not neurons.polysemantic(shares)[[0, 1, 4]].any() and neurons.polysemantic(shares)[2]


def test_batched_replicas_have_the_shares_of_single_replicas():
    activations = torch.relu(torch.randn(2, P * P, 6, dtype=torch.float64))
    batched = neurons.share_by_frequency(activations)
    for r in range(2):
        torch.testing.assert_close(batched[r], neurons.share_by_frequency(activations[r]))
    assert (batched.sum(-2) <= 1).all()


def test_the_fraction_of_neurons_is_nan_if_a_share_is_nan():
    shares = torch.tensor([[[0.9, 0.2], [0.0, 0.1]], [[0.9, torch.nan], [0.0, torch.nan]]])
    explained = neurons.fraction_of_neurons(neurons.explained(shares) > neurons.EXPLAINED_THRESHOLD, shares)
    assert explained[0] == 0.5 and explained[1].isnan()


def test_one_frequency_explains_the_published_share_of_the_references_neurons():
    _, outputs = clock()
    shares = neurons.share_by_frequency(outputs.neurons)
    counts = neurons.count_by_frequency(shares)
    assert 100 * counts.sum() / shares.shape[-1] == published("36.1")
    assert counts.sum() + neurons.polysemantic(shares).sum() == 512  # no neuron is dead
