"""Points of a sweep compared with one another."""

import math

import numpy as np
import pytest

from grok.science.comparisons import advantage, at, mean, ratio, spread, steepest

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
