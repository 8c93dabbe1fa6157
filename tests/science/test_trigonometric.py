"""Logits as Σ α cos w(a + b − c)."""

import math

import torch

from grok.science import key_frequencies, trigonometric
from grok.science.losses import cross_entropy
from grok.science.progress_measures import mean_by_residue
from tests.science.reference_networks import clock, published
from tests.science.test_progress_measures import mask, pairs


def formula(p: int, alpha: dict[int, float]) -> torch.Tensor:
    angle = 2 * math.pi * (pairs(p)[:, None] - torch.arange(p)).double() / p
    return torch.stack([size * torch.cos(k * angle) for k, size in alpha.items()]).sum(0)


def test_a_formulas_coefficients_loss_and_share_are_found():
    logits, noise = formula(15, {2: 3.0, 7: -1.5}), torch.randn(225, 15, dtype=torch.float64)
    alpha = trigonometric.coefficients(mean_by_residue(logits, pairs(15)))
    torch.testing.assert_close(alpha, torch.tensor([0, 3, 0, 0, 0, 0, -1.5]).double())
    keys = mask(15, 2, 7)
    torch.testing.assert_close(trigonometric.loss(alpha, keys), cross_entropy(logits, pairs(15)).mean())
    torch.testing.assert_close(
        trigonometric.explained(alpha, keys, trigonometric.variance(logits + 4)), torch.tensor(1.0).double()
    )

    noisy = logits + noise
    alpha = trigonometric.coefficients(mean_by_residue(noisy, pairs(15)))
    centred = noisy - noisy.mean(-1, keepdim=True)
    left = centred - formula(15, {2: float(alpha[1]), 7: float(alpha[6])})
    share = 1 - left.square().sum() / centred.square().sum()
    torch.testing.assert_close(trigonometric.explained(alpha, keys, trigonometric.variance(noisy)), share)


def test_replicas_together_are_replicas_alone():
    logits, keys = torch.randn(2, 225, 15, dtype=torch.float64), torch.stack([mask(15, 1), mask(15, 3, 4)])
    alpha = trigonometric.coefficients(mean_by_residue(logits, pairs(15)))
    for r in range(2):
        alone = trigonometric.coefficients(mean_by_residue(logits[r], pairs(15)))
        torch.testing.assert_close(alpha[r], alone)
        torch.testing.assert_close(trigonometric.loss(alpha, keys)[r], trigonometric.loss(alone, keys[r]))


def test_the_reference_as_published():
    network, outputs = clock()
    keys = key_frequencies.of_neuron_logit_map(network.neuron_logit_map)
    alpha = trigonometric.coefficients(mean_by_residue(outputs.logits, outputs.residue))
    for k, size in {6: "9.375", 23: "31.30", 37: "6.80", 39: "5.05", 41: "6.07"}.items():
        assert alpha[k - 1] == published(size)
    assert trigonometric.loss(alpha, keys) == published("1.59e-9")
    assert trigonometric.explained(alpha, keys, trigonometric.variance(outputs.logits)) == published(".97477")
