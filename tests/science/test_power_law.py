"""Power laws through points: their exponents, and the intervals of these."""

import math

import numpy as np
import pytest

from grok.science.power_law import exponent, power_law
from grok.science.straight_line import straight_line

X = np.geomspace(0.01, 1, 9)


@pytest.mark.parametrize("k", [-1.0, -0.5, 2.0])
def test_a_power_law_returns_its_exponent(k):
    assert exponent(X, 7 * X**k) == pytest.approx(k)
    assert power_law(X, 7 * X**k) == pytest.approx((k, k, k, 7, 1))


def test_a_range_counts_alone_and_has_its_ends():
    bent = np.where(X < 0.1 - 1e-9, 0.1**-1, X**-1)
    assert exponent(X, bent, from_x=0.1, to_x=1.0) == pytest.approx(-1)
    assert exponent(X, bent, to_x=0.1) == pytest.approx(0)
    assert power_law(X, bent, from_x=0.1, to_x=1.0).exponent == pytest.approx(-1)


def test_a_point_without_a_value_leaves_no_exponent():
    for x, y in ((X, np.where(X[3] == X, np.nan, X)), (X, np.where(X[3] == X, 0, X)), (X[:1], X[:1]), (X * 0 + 2, X)):
        assert math.isnan(exponent(x, y)) and np.isnan(power_law(x, y)).all()


def test_an_interval_holds_the_true_exponent_about_as_often_as_it_says():
    x, draws = np.geomspace(1, 100, 30), np.random.default_rng(1).normal(0, 0.2, size=(60, 30))
    found = [power_law(x, 3 * x**-0.4 * np.exp(noise)) for noise in draws]
    assert np.mean([law.low <= -0.4 <= law.high for law in found]) == pytest.approx(0.92, abs=0.06)


def test_looks_of_one_run_are_not_independent_and_widen_the_interval_that_says_so():
    x, seeds = np.geomspace(1, 100, 50), np.random.default_rng(1).normal(0, 0.1, size=12)
    y, groups = np.concatenate([x ** (-0.4 + slope) for slope in seeds]), np.repeat(np.arange(12), 50)
    by_seed, by_point = (power_law(np.tile(x, 12), y, groups=of) for of in (groups, None))
    assert by_seed.exponent == by_point.exponent == pytest.approx(-0.4 + seeds.mean())
    # every seed has the same x: the slope of a draw is the mean of its seeds' slopes
    assert by_seed.high - by_seed.low == pytest.approx(2 * 1.96 * seeds.std() / math.sqrt(12), rel=0.1)
    assert by_point.high - by_point.low < 0.5 * (by_seed.high - by_seed.low)


def test_one_seed_has_no_interval_over_seeds():
    law = power_law(X, X**-0.4, groups=np.zeros(9, int))
    assert law.exponent == pytest.approx(-0.4) and math.isnan(law.low) and math.isnan(law.high)


def test_points_off_a_line_by_as_much_as_it_explains_leave_half_the_variance():
    x, off = np.array([-1.0, 1.0, -1.0, 1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    line = straight_line(x, np.stack([2 * x + 5, x + off, off]))
    assert line.slope == pytest.approx([2, 1, 0]) and line.intercept == pytest.approx([5, 0, 0])
    assert line.r_squared == pytest.approx([1, 0.5, 0])
