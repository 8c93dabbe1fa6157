"""Comparisons between the points of a sweep."""

import math

import numpy as np
import pytest

from grok.science.statistics.comparisons import (
    difference,
    first_finite,
    max_abs_difference,
    max_difference,
    max_excess,
    max_over_min,
    max_step_ratio,
    mean,
    mean_absolute_difference,
    mean_difference,
    median,
    median_factor,
    rank_correlation,
    ratio,
    share_finite,
    share_never_reached,
    share_within,
    value_at_tick,
)

X, Y = np.array([0.3, 0.4, 0.5]), np.array([8.0, 4.0, 1.0])


def test_the_median_is_that_of_finite_points():
    assert median(X, np.array([5.0, math.nan, 1.0])) == 3 and math.isnan(median(X, np.full(3, math.nan)))


def test_comparisons_of_three_points_equal_their_ratios_and_mean():
    assert ratio(X, Y, numerator=0.3, denominator=0.4) == 2 and value_at_tick(X, Y, tick=0.4) == 4
    assert ratio(np.array(["b", "a", "c"]), Y, numerator="b", denominator="c") == Y[0] / Y[2]
    assert difference(np.array(3.0), np.array(5.0)) == -2
    assert max_over_min(X, Y) == 8 and max_step_ratio(X, Y) == 0.5 and mean(X, Y) == pytest.approx(13 / 3)


def test_the_maximum_step_ratio_is_above_one_if_the_values_rise_anywhere():
    assert max_step_ratio(X, np.array([8.0, 4.0, 5.0])) == 1.25


def test_a_missing_point_gives_nan_and_a_step_that_was_never_reached_gives_infinity():
    steps = np.array([math.inf, 4.0, 1.0])
    assert math.isnan(value_at_tick(X, Y, tick=0.2)) and math.isnan(ratio(X, Y, numerator=0.2, denominator=0.5))
    assert math.isnan(ratio(X, Y, numerator=0.5, denominator=0.2))
    assert ratio(X, steps, numerator=0.3, denominator=0.5) == math.inf
    assert max_over_min(X, steps) == max_step_ratio(X, steps) == math.inf
    assert ratio(X, steps, numerator=0.5, denominator=0.3) == math.inf  # not 0


def test_the_mean_difference_of_two_step_functions_is_the_share_of_fractions_between_their_steps():
    min_fractions = {"add": 0.3, "subtract": 0.5}
    accuracy = np.array([fraction <= X for fraction in min_fractions.values()], float)
    rows = np.array([*min_fractions])
    assert mean_difference(rows, X, accuracy, chosen=["add"], reference=["subtract"]) == pytest.approx(2 / 3)
    assert math.isnan(mean_difference(rows, X, accuracy, chosen=["add"], reference=["divide"]))


def test_steps_that_were_never_reached_are_not_finite():
    x, steps = np.array([5, 20, 30, 45, 54]), np.array([np.nan, np.nan, 700.0, np.nan, 900.0])
    assert share_finite(x, steps, from_x=30.0, to_x=54.0) == 2 / 3 and first_finite(x, steps) == 30
    assert np.isnan(share_finite(x, steps, from_x=60.0, to_x=70.0)) and first_finite(x[:2], steps[:2]) == np.inf


def test_rank_correlation_needs_no_linear_relation_but_three_points_and_no_constant():
    x, y = np.arange(6), np.array([1.0, 2, 3, np.nan, 5, 6])
    assert rank_correlation(x, y, np.exp(-y)) == pytest.approx(-1)
    assert np.isnan(rank_correlation(x, y, 0 * y)) and np.isnan(rank_correlation(x[:2], y[:2], y[:2]))
    assert mean_absolute_difference(x, np.array([1.0, 2]), np.array([2.0, 0])) == 1.5
    assert max_difference(x, np.array([1.0, 2]), np.array([2.0, 0])) == 2


def test_a_value_below_its_bound_does_not_reduce_the_excess_of_another_seed():
    values, bound = np.array([[0.5, 0.0], [0, 0]]), np.array([[0.25, 1.0], [0, 0]])
    assert max_excess(np.arange(2), np.arange(2), values, bound) == 0.125


def test_the_median_factor_counts_values_above_and_below_the_published_ones():
    x, y, values = np.array([1e-4, 1e-3]), np.array([0.0, 2.0]), np.array([[100.0, 200.0], [300.0, np.nan]])
    assert median_factor(x, y, values, published=[[1e-4, 0, 100], [1e-3, 0, 600], [1e-3, 2, 100]]) == pytest.approx(2)
    assert median_factor(x, y, values, published=[[1e-3, 2, 100]]) == np.inf
    assert np.isnan(median_factor(x, y, values, published=[[1e-4, 0, 100], [1e-2, 2, 100]]))


def test_a_grid_is_compared_with_published_values_by_their_distance():
    x, y, values = np.array([30, 45]), np.array([0, 1]), np.array([[np.nan, 740.0], [840.0, 1090.0]])
    published = [[30, 1, 740], [45, 0, 834], [45, 1, 1072]]
    assert max_abs_difference(x, y, values, published=published) == 18
    assert share_within(x, y, values, published=published, distance=10.0) == pytest.approx(2 / 3)
    assert max_abs_difference(x, y, values, published=[[30, 0, 740]]) == np.inf
    assert share_within(x, y, values, published=[[30, 0, 740]], distance=10.0) == 0
    assert share_never_reached(x, y, values, cells=[[30, 0], [45, 1]]) == 0.5
    missing = [[50, 0, 740], [30, 1, 740]]
    assert np.isnan(max_abs_difference(x, y, values, published=missing))
    assert np.isnan(share_within(x, y, values, published=missing, distance=10.0))
    assert np.isnan(share_never_reached(x, y, values, cells=[[50, 0]]))
