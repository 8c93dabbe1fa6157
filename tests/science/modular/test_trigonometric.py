"""Fit of the logits by Σ α cos w(a + b − c)."""

import math

import torch

from grok.science.losses import cross_entropy
from grok.science.modular import key_frequencies, trigonometric
from grok.science.modular.progress_measures import mean_by_residue
from tests.science.modular.test_progress_measures import mask, pairs
from tests.science.reference_networks import clock, published


def formula(p: int, alpha: dict[int, float]) -> torch.Tensor:
    """Logits of all pairs by the formula, from {frequency: coefficient}."""
    angle = 2 * math.pi * (pairs(p)[:, None] - torch.arange(p)).double() / p
    return torch.stack([size * torch.cos(k * angle) for k, size in alpha.items()]).sum(0)


def test_the_coefficients_loss_and_explained_fraction_of_a_formula_are_recovered():
    logits, noise = formula(15, {2: 3.0, 7: -1.5}), torch.randn(225, 15, dtype=torch.float64)
    alpha = trigonometric.coefficients(mean_by_residue(logits, pairs(15)))
    torch.testing.assert_close(alpha, torch.tensor([0, 3, 0, 0, 0, 0, -1.5]).double())
    keys = mask(15, 2, 7)
    torch.testing.assert_close(trigonometric.loss(alpha, keys), cross_entropy(logits, pairs(15)).mean())
    explained = trigonometric.explained(alpha, keys, trigonometric.variance(logits + 4))
    torch.testing.assert_close(explained, torch.tensor(1.0).double())

    noisy = logits + noise
    alpha = trigonometric.coefficients(mean_by_residue(noisy, pairs(15)))
    centered = noisy - noisy.mean(-1, keepdim=True)
    residual = centered - formula(15, {2: float(alpha[1]), 7: float(alpha[6])})
    share = 1 - residual.square().sum() / centered.square().sum()
    torch.testing.assert_close(trigonometric.explained(alpha, keys, trigonometric.variance(noisy)), share)


def test_batched_replicas_have_the_fits_of_single_replicas():
    logits, keys = torch.randn(2, 225, 15, dtype=torch.float64), torch.stack([mask(15, 1), mask(15, 3, 4)])
    alpha = trigonometric.coefficients(mean_by_residue(logits, pairs(15)))
    for r in range(2):
        single = trigonometric.coefficients(mean_by_residue(logits[r], pairs(15)))
        torch.testing.assert_close(alpha[r], single)
        torch.testing.assert_close(trigonometric.loss(alpha, keys)[r], trigonometric.loss(single, keys[r]))


def test_the_reference_has_the_published_coefficients_loss_and_explained_fraction():
    network, outputs = clock()
    keys = key_frequencies.of_neuron_logit_map(network.neuron_logit_map)
    alpha = trigonometric.coefficients(mean_by_residue(outputs.logits, outputs.residue))
    for k, size in {6: "9.375", 23: "31.30", 37: "6.80", 39: "5.05", 41: "6.07"}.items():
        assert alpha[k - 1] == published(size)
    assert trigonometric.loss(alpha, keys) == published("1.59e-9")
    assert trigonometric.explained(alpha, keys, trigonometric.variance(outputs.logits)) == published(".97477")
