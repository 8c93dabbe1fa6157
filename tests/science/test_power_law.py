"""Power laws through points: their exponents, and the intervals of these."""

import math

import numpy as np
import pytest
from scipy.stats import sem, t

from grok.science.power_law import at_multiples, exponent, power_law
from grok.science.straight_line import straight_line

X = np.geomspace(0.01, 1, 9)
APART = np.arange(9) % 3  # three seeds with points of their own


@pytest.mark.parametrize("k", [-1.0, -0.5, 2.0])
def test_a_power_law_returns_its_exponent(k):
    assert exponent(X, 7 * X**k) == pytest.approx(k)
    assert power_law(X, 7 * X**k, groups=APART) == pytest.approx((k, k, k, 7, 1))


def test_a_range_counts_alone_and_has_its_ends():
    bent = np.where(X < 0.1 - 1e-9, 0.1**-1, X**-1)
    assert exponent(X, bent, from_x=0.1, to_x=1.0) == pytest.approx(-1)
    assert exponent(X, bent, to_x=0.1) == pytest.approx(0)
    assert power_law(X, bent, groups=APART, from_x=0.1, to_x=1.0).exponent == pytest.approx(-1)


def test_a_point_without_a_value_leaves_no_exponent():
    for x, y in ((X, np.where(X[3] == X, np.nan, X)), (X, np.where(X[3] == X, 0, X)), (X[:1], X[:1]), (X * 0 + 2, X)):
        assert math.isnan(exponent(x, y)) and np.isnan(power_law(x, y, groups=APART[: x.size])).all()


@pytest.mark.parametrize("n_seeds", [3, 5])
def test_an_interval_of_few_seeds_holds_the_true_exponent_as_often_as_it_says(n_seeds):
    """Each seed has a slope of its own, so that its points are not independent."""
    x, draws = np.geomspace(1, 100, 10), np.random.default_rng(1)
    own = -0.4 + draws.normal(0, 0.1, size=(300, n_seeds, 1))
    y = 3 * x**own * np.exp(draws.normal(0, 0.05, size=(300, n_seeds, 10)))
    groups = np.repeat(np.arange(n_seeds), 10)
    found = [power_law(np.tile(x, n_seeds), each.ravel(), groups=groups) for each in y]
    assert np.mean([law.low <= -0.4 <= law.high for law in found]) == pytest.approx(0.95, abs=0.03)


def test_the_interval_is_students_of_the_seeds_exponents():
    slopes, x = np.array([-0.35, -0.4, -0.5]), np.geomspace(1, 100, 20)
    law = power_law(np.tile(x, 3), (x ** slopes[:, None]).ravel(), groups=np.repeat(np.arange(3), 20))
    students = t.interval(0.95, 2, slopes.mean(), sem(slopes))
    assert law[:3] == pytest.approx((slopes.mean(), *students))


def test_a_curve_looked_at_on_a_logarithmic_grid_is_read_off_at_multiples():
    x = np.array([0, 300, 700, 1100, 2500])
    grid, y = at_multiples(x, 5.0 * np.maximum(x, 1) ** -0.4, every=500)
    assert grid.tolist() == [500, 1000, 1500, 2000, 2500] and y == pytest.approx(5 * grid**-0.4)
    grid, y = at_multiples(x, np.array([1, 1, 0, 1, 1.0]), every=500)
    assert np.isnan(y[:2]).all() and y[2:].tolist() == [1, 1, 1]  # nothing is known around what has no logarithm
    assert at_multiples(np.array([0, 100]), np.ones(2), every=500)[0].size == 0


def test_where_the_steps_of_a_fit_lie_matters_on_a_curve_that_bends():
    """The mean loss as published (Michaud et al. 2023, Fig. 8) over the range that is fitted against steps."""
    steps = np.array([300, 500, 1000, 2000, 5100, 10_000, 20_100])
    bits = np.array([0.917, 0.7185, 0.55, 0.387, 0.254, 0.195, 0.161])
    dense = np.geomspace(500, 15_000, 60)
    at_looks = exponent(dense, np.exp(np.interp(np.log(dense), np.log(steps), np.log(bits))))
    at_steps = exponent(*at_multiples(steps, bits, every=500), from_x=500.0, to_x=15_000.0)
    assert (at_looks, at_steps) == pytest.approx((-0.438, -0.421), abs=5e-3)


def test_one_seed_has_no_interval_over_seeds():
    law = power_law(X, X**-0.4, groups=np.zeros(9, int))
    assert law.exponent == pytest.approx(-0.4) and math.isnan(law.low) and math.isnan(law.high)


def test_points_off_a_line_by_as_much_as_it_explains_leave_half_the_variance():
    x, off = np.array([-1.0, 1.0, -1.0, 1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    line = straight_line(x, np.stack([2 * x + 5, x + off, off]))
    assert line.slope == pytest.approx([2, 1, 0]) and line.intercept == pytest.approx([5, 0, 0])
    assert line.r_squared == pytest.approx([1, 0.5, 0])
