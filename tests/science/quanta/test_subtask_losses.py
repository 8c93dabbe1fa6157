"""Numbers for claims recover planted values, and are NaN for a network that learned nothing."""

import math

import numpy as np
import pytest

from grok.science.quanta.deviations import loss_exponent_minus_law
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.quanta.subtask_losses import (
    convergence_exponent,
    convergence_exponent_minus_published,
    examples_ratio,
    last_over_first,
    learned_count_exponent,
    learning_order,
    loss_exponent,
    median_factor_of_published,
    median_transition_width,
    relative_transition_width,
)

STEPS = np.unique(np.geomspace(1, 100_000, 400).round().astype(int))
RANKS = np.arange(1, 101)
FREQUENCIES = zipf_frequencies(100, alpha=0.4)


def sigmoid_losses(due: np.ndarray, *, decades: float) -> np.ndarray:
    """Losses in nats that fall from .9 to .1 bits within this number of decades, and are .1 bits where due."""
    distance = (np.log10(STEPS)[:, None] - np.log10(due)) / decades  # in transition widths, from the point with .1 bits
    return NATS_PER_BIT / (1 + 9 ** (1 + 2 * distance))


def due_steps(k: float, *, batch: int = 2000) -> np.ndarray:
    """Steps S = 100 (p / p_1)^k for batches of 2,000; other batch sizes need the same number of examples."""
    return 100 * (FREQUENCIES / FREQUENCIES[0]) ** k * 2000 / batch


@pytest.mark.parametrize("k", [-1.0, -0.81])
def test_a_planted_order_width_and_exponent_of_transitions_are_recovered(k):
    losses = sigmoid_losses(due_steps(k), decades=0.3)
    mean = losses @ FREQUENCIES
    assert learning_order(STEPS, RANKS, losses) == pytest.approx(1, abs=1e-3)
    assert convergence_exponent(STEPS, RANKS, losses, alpha=0.4) == pytest.approx(k, abs=0.01)
    assert median_transition_width(STEPS, RANKS, losses) == pytest.approx(0.3, abs=0.01)
    start, end = (STEPS[(mean < share * NATS_PER_BIT).argmax()] for share in (0.9, 0.1))
    expected_width = 0.3 / math.log10(end / start)
    assert relative_transition_width(STEPS, RANKS, losses, mean) == pytest.approx(expected_width, rel=0.05)
    assert relative_transition_width(STEPS, RANKS, losses, losses[:, 9]) == pytest.approx(1, abs=0.05)


def test_the_convergence_exponent_is_compared_over_the_published_ranks_that_are_learned():
    losses = sigmoid_losses(due_steps(-1.0), decades=0.3)
    losses[:, 60:] = NATS_PER_BIT  # never learned
    due = due_steps(-0.8)
    published = {rank: round(due[rank - 1]) for rank in (1, 2, 10, 50)} | {80: 1, 145: 1}
    minus = convergence_exponent_minus_published(STEPS, RANKS, losses, alpha=0.4, published=published)
    assert minus == pytest.approx(-0.2, abs=0.01)


def test_the_rarest_subtask_takes_a_multiple_of_the_first():
    losses = sigmoid_losses(due_steps(-1.0), decades=0.1)[:, [0, 3]]
    assert last_over_first(STEPS, RANKS[:2], losses) == pytest.approx(4**1.4, rel=0.03)
    assert last_over_first(STEPS[:9], RANKS[:2], losses[:9]) == math.inf


def test_the_mean_loss_is_compared_with_published_points_within_its_steps():
    steps, mean = np.array([0, 1, 100]), NATS_PER_BIT * np.array([1, 1, 0.1])
    published = [[10, 10**-0.5], [100, 0.11], [50, 50**-0.5 / 1.05], [1000, 99]]
    assert median_factor_of_published(steps, mean, published=published) == pytest.approx(1.05)
    assert math.isnan(median_factor_of_published(steps, mean, published=published[-1:]))


def test_a_fit_can_start_where_something_is_learned():
    x, bits = np.array([1, 10, 100, 1000]), np.array([1.0, 1.0, 0.1, 0.01])
    assert loss_exponent(x, bits * NATS_PER_BIT, from_bits=0.95) == pytest.approx(1)
    assert loss_exponent(x, bits * NATS_PER_BIT, to_x=10.0) == pytest.approx(0)
    assert math.isnan(loss_exponent(x, np.ones(4), from_bits=0.5))


def test_a_fit_at_multiples_gives_late_steps_more_weight():
    """A curve that falls as x^−1 up to x = 100, and as x^−0.2 from there."""
    x = np.unique(np.geomspace(10, 1000, 200).round())
    bent = np.where(x < 100, x**-1.0, 100**-0.8 * x**-0.2)
    assert loss_exponent(x, bent, every=10) + 0.1 < loss_exponent(x, bent)
    assert loss_exponent(x, x**-0.3, from_x=50.0, every=7) == pytest.approx(0.3)


def test_the_count_exponent_is_fitted_where_the_count_is_positive():
    x = np.array([1, 10, 100, 1000])
    losses = NATS_PER_BIT * (np.arange(100) >= np.array([0, 1, 10, 100])[:, None]).astype(float)
    assert (
        learned_count_exponent(x, RANKS, losses)
        == pytest.approx(1)
        == learned_count_exponent(x, RANKS, losses, to_x=100.0)
    )


@pytest.mark.parametrize(("learned_by", "expected"), [("examples", 1.0), ("steps", 4.0)])
def test_batch_sizes_show_whether_learning_depends_on_examples_or_steps(learned_by, expected):
    batches = np.array([2000, 8000])
    due = [due_steps(-1, batch=batch if learned_by == "examples" else 2000) for batch in batches]
    losses = np.stack([sigmoid_losses(steps, decades=0.3) for steps in due])
    losses[0, :, 50:] = NATS_PER_BIT  # never learned with the small batches, and therefore not compared
    ratio = examples_ratio(batches, STEPS, RANKS, losses, numerator=8000, denominator=2000)
    assert ratio == pytest.approx(expected, rel=0.03)
    assert math.isnan(examples_ratio(batches, STEPS, RANKS, losses, numerator=8000, denominator=500))


def test_a_network_that_learned_nothing_has_nan_for_every_number():
    losses = np.full((STEPS.size, 100), NATS_PER_BIT)
    mean = losses @ FREQUENCIES
    assert math.isnan(learning_order(STEPS, RANKS, losses))
    assert math.isnan(median_transition_width(STEPS, RANKS, losses))
    assert math.isnan(convergence_exponent(STEPS, RANKS, losses, alpha=0.4))
    assert math.isnan(relative_transition_width(STEPS, RANKS, losses, mean))
    assert math.isnan(learned_count_exponent(STEPS, RANKS, losses))
    assert math.isnan(loss_exponent_minus_law(STEPS, RANKS, losses, mean, alpha=0.4, law="steps"))
    two_batch_sizes = np.stack([losses] * 2)
    assert math.isnan(examples_ratio(np.array([1, 2]), STEPS, RANKS, two_batch_sizes, numerator=2, denominator=1))


def test_a_fit_ends_where_the_loss_first_is_below_a_level_and_has_no_exponent_if_it_never_is():
    mean = NATS_PER_BIT * np.where(STEPS <= 1000, STEPS**-0.3, 1000**-0.3 * (STEPS / 1000) ** -0.1)
    assert loss_exponent(STEPS, mean, to_bits=1.01 * 1000**-0.3) == pytest.approx(0.3, abs=1e-6)
    assert loss_exponent(STEPS, mean) < 0.28
    assert math.isnan(loss_exponent(STEPS, mean, to_bits=0.01))
