"""Numbers that summarize curves, and intervals over seeds."""

import math
from functools import partial

import numpy as np
import pytest

from grok.science.statistics.curves import (
    early_stopped,
    final,
    first_below,
    first_reaching,
    lag,
    largest_over_seeds,
    maximum,
    measure_of_mean_curve,
    median_from,
    minimum,
    reached_by,
    rises_to,
    settled_below,
    smallest_over_seeds,
    transition_width,
    value_at,
)
from grok.science.statistics.intervals import mean_interval

STEPS, VALUES = np.array([0, 10, 100, 1000]), np.array([0.1, 0.5, 0.9, 0.7])


def test_the_value_at_a_step_is_that_of_the_last_evaluation_up_to_it():
    assert [value_at(STEPS, VALUES, step=step) for step in (0, 9, 10, 500)] == [0.1, 0.1, 0.5, 0.9]
    assert math.isnan(value_at(STEPS, VALUES, step=5000))  # the curve has ended
    assert (final(STEPS, VALUES), maximum(STEPS, VALUES)) == (0.7, 0.9)


def test_a_spike_does_not_change_the_median_from_a_step_on():
    steps, values = np.arange(0, 100, 10), np.array([9.0, 8, 7, 6, 5, 1, 500, 2, 1, 1])
    assert median_from(steps, values, step=50) == 1 and median_from(steps, values, step=90) == 1
    assert math.isnan(median_from(steps, values, step=91))


def test_the_first_step_at_a_level_is_infinite_if_the_level_is_never_reached():
    assert first_reaching(STEPS, VALUES, level=0.5) == 10 and first_reaching(STEPS, VALUES, level=0.95) == math.inf


def test_a_curve_that_rises_again_is_below_a_level_before_it_settles_there():
    spiked = np.array([5.0, 0.05, 2.0, 0.01])
    assert first_below(STEPS, spiked, level=0.1) == 10 and settled_below(STEPS, spiked, level=0.1) == 1000
    assert first_below(STEPS, spiked, level=0.001) == settled_below(STEPS, spiked, level=0.001) == math.inf


def test_a_curve_settles_below_a_level_after_its_last_evaluation_that_is_not_below():
    assert [settled_below(STEPS, VALUES, level=level) for level in (1.0, 0.8, 0.7)] == [0, 1000, math.inf]
    assert settled_below(STEPS, VALUES[::-1], level=0.8) == 100  # .7, .9, .5, .1: the start below does not count
    with_nan = np.array([0.1, math.nan, 0.1, 0.1])  # NaN is not below
    assert settled_below(STEPS, with_nan, level=0.5) == 100
    assert settled_below(STEPS, with_nan[[0, 2, 3, 1]], level=0.5) == math.inf


def test_the_lag_of_a_curve_with_itself_is_zero_and_infinite_if_a_level_is_never_reached():
    late = np.array([0.0, 0.1, 0.5, 1.0])
    half, never_reached = {"level": 0.5, "later_level": 0.5}, {"level": 0.95, "later_level": 0.95}
    assert lag(STEPS, VALUES, VALUES, **half) == 0 and lag(STEPS, VALUES, late, **half) == 90
    assert lag(STEPS, VALUES, late, **never_reached) == lag(STEPS, late, VALUES, **never_reached) == math.inf


def test_early_stopping_takes_the_held_out_value_at_the_lowest_validation_loss():
    validation, held_out = np.array([3.0, 1.0, math.nan, 2.0]), np.array([3.0, 1.2, 0.9, 1.0])
    assert early_stopped(STEPS, validation, held_out) == 1.2 and minimum(STEPS, held_out) == 0.9
    assert math.isnan(early_stopped(STEPS, np.full(4, math.nan), held_out))


def test_the_transition_width_is_interpolated_between_evaluations_from_ten_to_ninety_percent():
    steps = np.array([0, 100, 200, 300])
    assert transition_width(steps, np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(80)
    assert transition_width(steps, np.array([0.2, 0.0, 0.5, 1.0])) == pytest.approx(180 - 20)  # the last rise counts
    assert transition_width(steps, np.array([0.0, 0.2, 0.5, 0.8])) is None
    assert transition_width(steps, np.array([0.3, 0.5, 0.9, 1.0])) is None  # it starts above .1


def test_a_bootstrap_interval_covers_the_mean_of_a_normal_sample_with_nearly_its_confidence():
    samples = np.random.default_rng(1).normal(3, 2, size=(200, 30))
    covered = [low <= 3 <= high for low, high in map(mean_interval, samples)]
    assert np.mean(covered) == pytest.approx(0.93, abs=0.05)  # a percentile bootstrap of 30 covers less than 95 %


def test_the_interval_of_three_seeds_is_their_range():
    values = np.array([1.0, 2.0, 6.0])
    assert mean_interval(values) == (1.0, 6.0)
    assert mean_interval(np.array([2.0, 2.0, 2.0])) == (2.0, 2.0)
    assert mean_interval(np.array([2.0, 3.0, math.inf])) == (2.0, math.inf)


def test_a_level_is_reached_by_every_step_from_the_first_one_that_reaches_it():
    steps, values = np.array([0, 10, 20, 30]), np.array([0.1, 0.95, 0.5, 0.96])
    assert [reached_by(steps, values, level=0.95, step=step) for step in (9, 10, 25)] == [0, 1, 1]


def test_a_curve_rises_to_a_level_at_its_last_crossing():
    assert rises_to(STEPS, np.array([0.0, 0.6, 0.4, 0.8]), level=0.5) == pytest.approx(325)
    assert rises_to(STEPS, VALUES, level=0.8) == math.inf and math.isnan(rises_to(STEPS, VALUES, level=0.1))


def test_the_measure_of_the_mean_curve_is_not_the_mean_of_the_seeds_measures():
    first, second = np.array([0.0, 1.0, 0.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    curves = np.stack([first, second], 1)
    steps, seeds = np.arange(5), np.arange(2)
    assert measure_of_mean_curve(steps, seeds, curves, measure=partial(first_reaching, level=0.9)) == 3
    lag_of_levels = partial(lag, level=0.4, later_level=0.9)
    assert measure_of_mean_curve(steps, seeds, curves, curves, measure=lag_of_levels) == 2


def test_a_measure_of_the_worst_seed_is_of_its_own_curve():
    curves = np.stack([VALUES, VALUES[::-1], 0.5 * VALUES], axis=1)
    seeds = np.arange(3)
    assert smallest_over_seeds(STEPS, seeds, curves, measure=maximum) == pytest.approx(0.45)
    assert largest_over_seeds(STEPS, seeds, curves, measure=final) == 0.7
    assert math.isnan(largest_over_seeds(STEPS, seeds, curves, measure=partial(value_at, step=5000)))
