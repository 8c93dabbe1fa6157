"""Numbers read off curves, and intervals over seeds."""

import math

import numpy as np
import pytest

from grok.science.curves import final, first_reaching, highest, value_at
from grok.science.intervals import mean_interval

STEPS, VALUES = np.array([0, 10, 100, 1000]), np.array([0.1, 0.5, 0.9, 0.7])


def test_a_value_is_that_of_the_last_look_up_to_the_step():
    assert [value_at(STEPS, VALUES, step=step) for step in (0, 9, 10, 500)] == [0.1, 0.1, 0.5, 0.9]
    assert math.isnan(value_at(STEPS, VALUES, step=5000))  # the curve had ended
    assert (final(STEPS, VALUES), highest(STEPS, VALUES)) == (0.7, 0.9)


def test_a_level_is_first_reached_or_never():
    assert first_reaching(STEPS, VALUES, level=0.5) == 10 and first_reaching(STEPS, VALUES, level=0.95) == math.inf


def test_an_interval_covers_the_mean_of_a_normal_sample_about_as_often_as_it_says():
    draws = np.random.default_rng(1).normal(3, 2, size=(200, 30))
    covered = [low <= 3 <= high for low, high in map(mean_interval, draws)]
    assert np.mean(covered) == pytest.approx(0.93, abs=0.05)  # percentile bootstrap of 30: a little short of 95 %


def test_three_seeds_cannot_say_more_than_their_range():
    values = np.array([1.0, 2.0, 6.0])
    assert mean_interval(values) == (1.0, 6.0)
    assert mean_interval(np.array([2.0, 2.0, 2.0])) == (2.0, 2.0)
    assert mean_interval(np.array([2.0, 3.0, math.inf])) == (2.0, math.inf)
