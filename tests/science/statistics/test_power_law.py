"""Power laws through points: exponents and their intervals."""

import math

import numpy as np
import pytest
from scipy.stats import sem, t

from grok.science.statistics.linear_fit import linear_fit
from grok.science.statistics.power_law import exponent, interpolate_at_multiples, power_law

X = np.geomspace(0.01, 1, 9)
SEEDS = np.arange(9) % 3  # the points belong to three seeds


@pytest.mark.parametrize("k", [-1.0, -0.5, 2.0])
def test_a_fit_recovers_the_exponent_and_coefficient(k):
    assert exponent(X, 7 * X**k) == pytest.approx(k)
    assert power_law(X, 7 * X**k, groups=SEEDS) == pytest.approx((k, k, k, 7, 1))


def test_a_fit_uses_only_the_points_in_its_range_including_both_ends():
    bent = np.where(X < 0.1 - 1e-9, 0.1**-1, X**-1)
    assert exponent(X, bent, from_x=0.1, to_x=1.0) == pytest.approx(-1)
    assert exponent(X, bent, to_x=0.1) == pytest.approx(0)
    assert power_law(X, bent, groups=SEEDS, from_x=0.1, to_x=1.0).exponent == pytest.approx(-1)


def test_there_is_no_exponent_if_a_point_has_no_positive_finite_value_or_all_have_one_x():
    for x, y in ((X, np.where(X[3] == X, np.nan, X)), (X, np.where(X[3] == X, 0, X)), (X[:1], X[:1]), (X * 0 + 2, X)):
        assert math.isnan(exponent(x, y)) and np.isnan(power_law(x, y, groups=SEEDS[: x.size])).all()


@pytest.mark.parametrize("n_seeds", [3, 5])
def test_the_interval_of_few_seeds_covers_the_true_exponent_in_95_percent_of_the_samples(n_seeds):
    """Each seed has its own slope, so its points are not independent."""
    x, rng = np.geomspace(1, 100, 10), np.random.default_rng(1)
    slopes = -0.4 + rng.normal(0, 0.1, size=(300, n_seeds, 1))
    y = 3 * x**slopes * np.exp(rng.normal(0, 0.05, size=(300, n_seeds, 10)))
    groups = np.repeat(np.arange(n_seeds), 10)
    laws = [power_law(np.tile(x, n_seeds), sample.ravel(), groups=groups) for sample in y]
    assert np.mean([law.low <= -0.4 <= law.high for law in laws]) == pytest.approx(0.95, abs=0.03)


def test_the_interval_is_students_interval_of_the_seeds_exponents():
    slopes, x = np.array([-0.35, -0.4, -0.5]), np.geomspace(1, 100, 20)
    law = power_law(np.tile(x, 3), (x ** slopes[:, None]).ravel(), groups=np.repeat(np.arange(3), 20))
    interval = t.interval(0.95, 2, slopes.mean(), sem(slopes))
    assert law[:3] == pytest.approx((slopes.mean(), *interval))


def test_a_curve_on_a_logarithmic_grid_is_interpolated_at_multiples():
    x = np.array([0, 300, 700, 1100, 2500])
    grid, y = interpolate_at_multiples(x, 5.0 * np.maximum(x, 1) ** -0.4, every=500)
    assert grid.tolist() == [500, 1000, 1500, 2000, 2500] and y == pytest.approx(5 * grid**-0.4)
    grid, y = interpolate_at_multiples(x, np.array([1, 1, 0, 1, 1.0]), every=500)
    assert np.isnan(y[:2]).all() and y[2:].tolist() == [1, 1, 1]  # unknown next to a point without a logarithm
    assert interpolate_at_multiples(np.array([0, 100]), np.ones(2), every=500)[0].size == 0


def test_the_exponent_of_a_bent_curve_depends_on_the_spacing_of_the_fitted_steps():
    """The published mean loss (Michaud et al. 2023, Fig. 8), in the range of the fit over steps."""
    steps = np.array([300, 500, 1000, 2000, 5100, 10_000, 20_100])
    bits = np.array([0.917, 0.7185, 0.55, 0.387, 0.254, 0.195, 0.161])
    log_spaced = np.geomspace(500, 15_000, 60)
    on_log_grid = exponent(log_spaced, np.exp(np.interp(np.log(log_spaced), np.log(steps), np.log(bits))))
    on_even_grid = exponent(*interpolate_at_multiples(steps, bits, every=500), from_x=500.0, to_x=15_000.0)
    assert (on_log_grid, on_even_grid) == pytest.approx((-0.438, -0.421), abs=5e-3)


def test_one_seed_has_an_exponent_without_an_interval():
    law = power_law(X, X**-0.4, groups=np.zeros(9, int))
    assert law.exponent == pytest.approx(-0.4) and math.isnan(law.low) and math.isnan(law.high)


def test_r_squared_is_one_half_if_noise_has_the_variance_of_the_line():
    x, noise = np.array([-1.0, 1.0, -1.0, 1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    line = linear_fit(x, np.stack([2 * x + 5, x + noise, noise]))
    assert line.slope == pytest.approx([2, 1, 0]) and line.intercept == pytest.approx([5, 0, 0])
    assert line.r_squared == pytest.approx([1, 0.5, 0])
