"""Exponents by dimension come back from planted power laws; sharp and gradual losses are told apart."""

import numpy as np
import pytest

from grok.science.manifold.scaling import (
    dimension_exponent,
    exponents,
    is_learned,
    lowest_r_squared,
    monogenic_share,
    monogenic_share_of_examples,
    worst_factor,
)

DIMS, X = np.array([2.0, 4, 8]), np.array([8.0, 16, 32, 64])


def test_planted_exponents_come_back_by_the_key_and_by_given_sizes():
    losses = 3 * X ** (-4 / DIMS[:, None])
    np.testing.assert_allclose(exponents(X, losses), 4 / DIMS)
    sizes = np.broadcast_to(X**2, losses.shape)
    np.testing.assert_allclose(exponents(X, losses, sizes), 2 / DIMS)
    assert dimension_exponent(DIMS, X, losses) == pytest.approx(-1)
    assert lowest_r_squared(DIMS, X, losses, sizes) == pytest.approx(1)
    assert worst_factor(DIMS, X, losses, numerator=4) == pytest.approx(1)
    assert worst_factor(DIMS, X, losses, sizes, numerator=4) == pytest.approx(2)
    assert np.isinf(worst_factor(DIMS, X, 1 / losses, numerator=4))


def test_sharp_losses_are_monogenic_and_a_power_law_is_not():
    steps = np.array([[1, 1, 0.01, 0.01], [1, 0.01, 0.01, 0.01], [1, 1, 1, 1]])
    gradual = 0.9 * (X / 8) ** -2.0
    assert monogenic_share(steps, np.array([1, 1, 5])) == 1  # what is not learned does not count
    assert monogenic_share(np.vstack([steps, gradual]), np.array([1, 1, 5, 2])) == 0.5
    assert is_learned(steps).tolist() == [True, True, False]
    always = np.full((1, 4), 0.01)
    assert monogenic_share(np.vstack([steps, always]), np.ones(4)) == 1  # nor what all networks know
    assert np.isnan(monogenic_share(steps[2:], np.ones(1)))
    losses = np.stack([steps[:2], np.stack([gradual] * 2)]).transpose(0, 2, 1)  # [d, point, example]
    assert monogenic_share_of_examples(DIMS[:2], X, np.arange(2), losses) == 0.5
