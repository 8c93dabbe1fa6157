"""Rules for the key frequencies of a network."""

import pytest
import torch

from grok.science.modular import key_frequencies, neurons
from tests.science.modular.test_fourier import ring
from tests.science.modular.test_progress_measures import mask
from tests.science.reference_networks import clock


def test_planted_frequencies_are_found_in_each_replica():
    weights = torch.stack([ring(31, 3, 15), ring(31, 1, 8)]) + 0.01 * torch.randn(2, 31, 4, dtype=torch.float64)
    assert torch.equal(key_frequencies.of_embedding(weights), torch.stack([mask(31, 3, 15), mask(31, 1, 8)]))


def test_a_quarter_of_the_largest_norm_is_not_enough():
    assert key_frequencies.large_frequencies(torch.tensor([4.0, 1.0, 1.01])).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("neuron_logit", [6, 23, 37, 39, 41]),
        ("embedding", [3, 6, 12, 23, 31, 37, 39, 41, 46, 54]),
        ("neuron", [6, 23, 37, 39, 41]),
    ],
)
def test_the_rules_give_the_published_and_different_keys_for_the_reference(rule, expected):
    network, outputs = clock()
    keys = {
        "neuron_logit": lambda: key_frequencies.of_neuron_logit_map(network.neuron_logit_map),
        "embedding": lambda: key_frequencies.of_embedding(network.embedding),
        "neuron": lambda: key_frequencies.of_neurons(neurons.share_by_frequency(outputs.neurons)),
    }[rule]()
    assert torch.equal(keys, mask(113, *expected))
