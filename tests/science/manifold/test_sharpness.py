"""Sharp and gradual losses are told apart, and the rule for single examples has little power under noise."""

import numpy as np
import pytest

from grok.science.manifold.sharpness import (
    is_learned,
    largest_step_share,
    mean_largest_step_share,
    monogenic_share,
    monogenic_share_of_examples,
    monogenic_share_of_planted,
    plant_steps,
)

DIMS, X = np.array([2.0, 4, 8]), np.array([8.0, 16, 32, 64])


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


def test_the_rule_finds_planted_steps_without_noise_and_misses_most_with_that_of_a_squared_error():
    known = np.tile([1, 0.3, 0.1, 0.02], (50, 1))
    np.testing.assert_allclose(np.unique(plant_steps(known).round(9)), [0.02, 1])
    losses = known * np.random.default_rng(0).standard_normal(known.shape) ** 2
    without, noisy = (monogenic_share_of_planted(DIMS[:1], X, X, each.T[None]) for each in (known, losses))
    assert without == 1 and noisy < 0.6


def test_the_largest_step_is_the_whole_fall_of_a_sharp_curve_and_an_equal_part_of_a_power_law():
    sharp, law, flat = np.array([1, 1, 0.01, 0.01]), (X / 8) ** -0.7, np.array([1, 1, 0.9, 0.8])
    np.testing.assert_allclose(largest_step_share(np.array([sharp, law, flat])), [1, 1 / 3])
    losses = np.array([[sharp, sharp], [law, law]]).transpose(0, 2, 1)
    assert mean_largest_step_share(DIMS[:2], X, X[:2], losses) == pytest.approx(2 / 3)
    assert np.isnan(mean_largest_step_share(DIMS[:1], X, X[:1], flat[None, :, None]))
