"""Deviations from the laws: zero for losses that obey a law, and of the planted sign for losses that do not."""

import math
from functools import partial

import numpy as np
import pytest

from grok.science.quanta.deviations import (
    count_exponent_minus_asymptote,
    count_exponent_minus_law,
    difference_between_ticks,
    loss_exponent_minus_law,
    max_over_alpha,
    position_between_laws,
)
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.laws import predicted_learned
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.quanta.subtask_losses import learned_count_exponent, loss_exponent, max_deviation_from_published
from tests.science.quanta.test_subtask_losses import FREQUENCIES, RANKS, STEPS, due_steps, sigmoid_losses


def test_losses_by_the_law_of_steps_do_not_deviate_and_another_exponent_of_steps_is_steeper():
    settings = dict(alpha=0.4, law="steps", from_x=150.0, to_x=5000.0)
    losses = sigmoid_losses(due_steps(-1), decades=0.3)
    mean = losses @ FREQUENCIES
    assert loss_exponent_minus_law(STEPS, RANKS, losses, mean, **settings) == pytest.approx(0, abs=0.02)
    at_multiples = loss_exponent_minus_law(STEPS, RANKS, losses, mean, every=150, **settings)
    assert at_multiples == pytest.approx(0, abs=0.02)
    early = sigmoid_losses(due_steps(-0.8), decades=0.3)
    assert loss_exponent_minus_law(STEPS, RANKS, early, early @ FREQUENCIES, **settings) > 0.05


@pytest.mark.parametrize(("alpha", "position"), [(0.4, 0.0), (0.8, 0.0), (0.4, 1.0), (0.8, 1.0)])
def test_losses_by_one_of_two_laws_lie_at_its_end(alpha, position):
    """At 0, S ∝ 1/p; at 1, S ∝ rank; the geometric mean of both is in between."""
    frequencies = zipf_frequencies(100, alpha=alpha)
    first, second = 100 * frequencies[0] / frequencies, 100.0 * RANKS
    between = position_of(np.sqrt(first * second), frequencies, alpha)
    assert position_of(second if position else first, frequencies, alpha) == pytest.approx(position, abs=0.1)
    assert 0.2 < between < 0.8


def position_of(due: np.ndarray, frequencies: np.ndarray, alpha: float) -> float:
    """The position of losses that fall where they are due, from the first learned subtask on."""
    losses = sigmoid_losses(due, decades=0.1)
    start = float(1.5 * due[0])
    mean = losses @ frequencies
    return position_between_laws(STEPS, RANKS, losses, mean, alpha=alpha, from_x=start, to_x=5000.0, every=100)


@pytest.mark.parametrize("alpha", [0.2, 0.4, 0.8])
def test_losses_by_the_law_of_parameters_do_not_deviate(alpha):
    widths, frequencies = np.array([5, 10, 20, 40, 80]), zipf_frequencies(100, alpha=alpha)
    n = predicted_learned("parameters", widths, frequencies, constant=7.3)
    losses = NATS_PER_BIT * (1 - np.clip(n[:, None] - np.arange(100), 0, 1))
    deviation = loss_exponent_minus_law(widths, RANKS, losses, losses @ frequencies, alpha=alpha, law="parameters")
    assert deviation == pytest.approx(0, abs=0.02)


def test_the_count_of_subtasks_by_the_law_of_data_has_the_asymptotic_exponent_and_no_deviation():
    data = np.geomspace(1e4, 1e7, 25).round().astype(int)
    losses = NATS_PER_BIT * (data[:, None] * FREQUENCIES < 5000).astype(float)
    assert learned_count_exponent(data, RANKS, losses) == pytest.approx(1 / 1.4, abs=0.05)
    assert count_exponent_minus_law(data, RANKS, losses, alpha=0.4, law="data") == pytest.approx(0, abs=0.02)


def test_the_largest_deviation_over_alpha_is_reported():
    alphas, data = np.array([0.2, 0.8]), np.geomspace(1e4, 3e6, 20).round().astype(int)
    losses = NATS_PER_BIT * np.stack([data[:, None] * zipf_frequencies(100, alpha=a) < 5000 for a in alphas])
    means = np.stack([each @ zipf_frequencies(100, alpha=a) for each, a in zip(losses, alphas, strict=True)])
    minus_law = partial(loss_exponent_minus_law, law="data", from_bits=0.95)
    count_minus_law = partial(count_exponent_minus_law, law="data")
    deviations = [minus_law(data, RANKS, *values, alpha=a) for *values, a in zip(losses, means, alphas, strict=True)]
    assert max_over_alpha(alphas, data, RANKS, losses, means, deviation=minus_law) == np.abs(deviations).max()
    assert max_over_alpha(alphas, data, RANKS, losses, deviation=count_minus_law) < 0.05
    assert max_over_alpha(alphas, data, RANKS, losses, deviation=count_exponent_minus_asymptote) < 0.1
    published = {a: loss_exponent(data, mean, from_bits=0.95) for a, mean in zip(alphas.tolist(), means, strict=True)}
    published[0.8] += 0.03
    largest = max_deviation_from_published(alphas, data, means, published=published, from_bits=0.95)
    assert largest == pytest.approx(0.03)
    assert math.isnan(max_deviation_from_published(alphas, data, means, published={0.2: 0.3}))


def test_small_integer_counts_rise_as_the_law_of_parameters_and_not_as_its_asymptote():
    widths = np.array([5.0, 8, 12, 20, 32, 50])
    losses = NATS_PER_BIT * (np.floor(widths[:, None] / 2.6) < RANKS).astype(float)
    assert learned_count_exponent(widths, RANKS, losses) > 1.1
    assert count_exponent_minus_law(widths, RANKS, losses, alpha=0.4, law="parameters") == pytest.approx(0, abs=0.05)
    steeper = NATS_PER_BIT * (np.floor((widths[:, None] / 2.6) ** 1.3) < RANKS).astype(float)
    assert count_exponent_minus_law(widths, RANKS, steeper, alpha=0.4, law="parameters") > 0.2


def test_a_tick_that_obeys_the_law_differs_from_one_that_falls_behind_and_a_slower_tick_does_not():
    x = np.geomspace(1e3, 3e8, 600).round().astype(int)

    def losses_with(delay_exponent: float, slowness: float = 1.0) -> np.ndarray:
        thresholds = 5000 * slowness * np.maximum(1, RANKS / 10) ** delay_exponent
        return NATS_PER_BIT * (x[:, None] * FREQUENCIES < thresholds)

    falls_behind, obeys, slower = losses_with(1.0), losses_with(0.0), losses_with(1.0, slowness=3.0)
    minus_law = partial(loss_exponent_minus_law, alpha=0.4, law="steps", from_bits=0.7, to_bits=0.05)
    deviation = minus_law(x, RANKS, falls_behind, falls_behind @ FREQUENCIES)
    assert deviation < -0.05
    difference = partial(difference_between_ticks, np.array([200, 400]), x, RANKS, minus_tick=200, deviation=minus_law)
    for other, expected in ((obeys, -deviation), (slower, 0.0)):
        losses = np.stack([falls_behind, other])
        assert difference(losses, losses @ FREQUENCIES, at_tick=400) == pytest.approx(expected, abs=0.02)
    losses = np.stack([falls_behind, obeys])
    assert math.isnan(difference(losses, losses @ FREQUENCIES, at_tick=800))
    assert math.isnan(minus_law(x, RANKS, falls_behind, falls_behind @ FREQUENCIES, to_bits=1e-9))
