"""Points of a sweep compared with one another."""

import math

import numpy as np
import pytest

from grok.science.comparisons import (
    advantage,
    at,
    farthest_from,
    first_finite,
    mean,
    mean_distance,
    most_above,
    rank_correlation,
    ratio,
    share_finite,
    share_within,
    share_without,
    spread,
    steepest,
    typical_factor,
)

X, Y = np.array([0.3, 0.4, 0.5]), np.array([8.0, 4.0, 1.0])


def test_points_that_halve_have_a_ratio_of_two():
    assert ratio(X, Y, of=0.3, to=0.4) == 2 and at(X, Y, tick=0.4) == 4
    assert spread(X, Y) == 8 and steepest(X, Y) == 0.5 and mean(X, Y) == pytest.approx(13 / 3)


def test_a_rise_anywhere_is_a_steepest_ratio_above_one():
    assert steepest(X, np.array([8.0, 4.0, 5.0])) == 1.25


def test_what_the_sweep_lacks_is_no_number_and_what_never_came_is_infinite():
    never = np.array([math.inf, 4.0, 1.0])
    assert math.isnan(at(X, Y, tick=0.2)) and math.isnan(ratio(X, Y, of=0.2, to=0.5))
    assert math.isnan(ratio(X, Y, of=0.5, to=0.2))
    assert ratio(X, never, of=0.3, to=0.5) == spread(X, never) == steepest(X, never) == math.inf
    assert ratio(X, never, of=0.5, to=0.3) == math.inf  # and not zero


def test_the_mean_over_fractions_of_a_step_counts_the_fractions_from_the_step_on():
    needed = {"add": 0.3, "subtract": 0.5}
    accuracy = np.array([least <= X for least in needed.values()], float)
    rows = np.array([*needed])
    assert advantage(rows, X, accuracy, of=["add"], over=["subtract"]) == pytest.approx(2 / 3)
    assert math.isnan(advantage(rows, X, accuracy, of=["add"], over=["divide"]))


def test_points_that_never_came_are_told_apart():
    x, steps = np.array([5, 20, 30, 45, 54]), np.array([np.nan, np.nan, 700.0, np.nan, 900.0])
    assert share_finite(x, steps, from_x=30.0, to_x=54.0) == 2 / 3 and first_finite(x, steps) == 30
    assert np.isnan(share_finite(x, steps, from_x=60.0, to_x=70.0)) and first_finite(x[:2], steps[:2]) == np.inf


def test_ranks_do_not_ask_for_a_line():
    x, y = np.arange(6), np.array([1.0, 2, 3, np.nan, 5, 6])
    assert rank_correlation(x, y, np.exp(-y)) == pytest.approx(-1)
    assert np.isnan(rank_correlation(x, y, 0 * y)) and np.isnan(rank_correlation(x[:2], y[:2], y[:2]))
    assert mean_distance(x, np.array([1.0, 2]), np.array([2.0, 0])) == 1.5


def test_what_is_below_its_bound_does_not_make_up_for_what_is_above():
    assert (
        most_above(np.arange(2), np.arange(2), np.array([[0.5, 0.0], [0, 0]]), np.array([[0.25, 1.0], [0, 0]])) == 0.125
    )


def test_a_grid_is_off_by_the_median_of_the_factors_either_way():
    x, y, values = np.array([1e-4, 1e-3]), np.array([0.0, 2.0]), np.array([[100.0, 200.0], [300.0, np.nan]])
    assert typical_factor(x, y, values, published=[[1e-4, 0, 100], [1e-3, 0, 600], [1e-3, 2, 100]]) == pytest.approx(2)
    assert typical_factor(x, y, values, published=[[1e-3, 2, 100]]) == np.inf
    assert np.isnan(typical_factor(x, y, values, published=[[1e-4, 0, 100], [1e-2, 2, 100]]))


def test_a_grid_is_held_against_published_values_by_their_distance():
    x, y, values = np.array([30, 45]), np.array([0, 1]), np.array([[np.nan, 740.0], [840.0, 1090.0]])
    published = [[30, 1, 740], [45, 0, 834], [45, 1, 1072]]
    assert farthest_from(x, y, values, published=published) == 18
    assert share_within(x, y, values, published=published, distance=10.0) == pytest.approx(2 / 3)
    assert farthest_from(x, y, values, published=[[30, 0, 740]]) == np.inf
    assert share_within(x, y, values, published=[[30, 0, 740]], distance=10.0) == 0
    assert share_without(x, y, values, cells=[[30, 0], [45, 1]]) == 0.5
    lacking = [[50, 0, 740], [30, 1, 740]]
    assert np.isnan(farthest_from(x, y, values, published=lacking))
    assert np.isnan(share_within(x, y, values, published=lacking, distance=10.0))
    assert np.isnan(share_without(x, y, values, cells=[[50, 0]]))
