"""The pattern model equals the formulas of the authors' notebook; peaks and dips of curves are found."""

import numpy as np
import pytest

from grok.science.double_descent.pattern_model import Pattern, accuracies
from grok.science.double_descent.peaks import (
    factor_from_fitting_threshold,
    fall_after_maximum,
    fitting_threshold,
    largest_dip,
    largest_fall,
    largest_peak,
    largest_peak_ratio,
    maximum_over_threshold,
    peak_over_fitting_threshold,
    rise_from_threshold,
)

X = np.array([1, 2, 4, 8])


@pytest.mark.parametrize(("heuristic", "slow"), [(0.7, 0.2), (0.0, 1.0), (0.4, 0.6)])
def test_the_sum_over_sets_of_patterns_is_the_notebooks_polynomial(heuristic, slow):
    t = np.arange(300)
    p1, p2, p3 = (
        limit / (1 + np.exp(-rate * (t - middle)))
        for limit, rate, middle in ((heuristic, 0.15, 30), (1, 0.15, 50), (slow, 0.05, 200))
    )
    first = p1 - p3 * p1 - p1 * p2 / 2 + p1 * p2 * p3 / 2
    second = p2 - p3 * p2 - p1 * p2 / 2 + p1 * p2 * p3 / 2
    found = accuracies(
        [
            Pattern(name="heuristic", limit=heuristic, rate=0.15, midpoint=30, generalization=1),
            Pattern(name="overfitting", limit=1, rate=0.15, midpoint=50, generalization=0),
            Pattern(name="slow", limit=slow, rate=0.05, midpoint=200, generalization=1, preferred=True),
        ],
        t,
    )
    np.testing.assert_allclose(found.test, first * 1 + second * 0 + p3, atol=1e-12)
    np.testing.assert_allclose(found.train, first + second + p3, atol=1e-12)


@pytest.mark.parametrize(
    ("curve", "peak", "dip", "fall"),
    [([4, 3, 2, 1], 0, 0, 3), ([1, 3, 2, 2.5], 1, 0.5, 1), ([3, 1, 2, 0], 1, 1, 3), ([2, 1, 3, 4], 0, 1, 1)],
)
def test_peaks_dips_and_falls_have_their_heights(curve, peak, dip, fall):
    y = np.array(curve, float)
    assert (largest_peak(X, y), largest_dip(X, y), largest_fall(X, y)) == (peak, dip, fall)
    assert largest_peak_ratio(X, np.exp(y)) == pytest.approx(np.exp(peak))


def test_a_maximum_is_placed_relative_to_the_threshold():
    train, loss = np.array([0.3, 0.95, 1, 1]), np.array([1, 2, 5, 4.0])
    assert maximum_over_threshold(X, train, loss, level=0.9) == 2
    assert maximum_over_threshold(X, 0 * train, loss, level=0.9) == 0
    assert rise_from_threshold(X, train, loss, level=0.9) == 2 and fall_after_maximum(X, loss) == 1
    assert np.isnan(rise_from_threshold(X, 0 * train, loss, level=0.9))


def test_the_fitting_threshold_is_the_smallest_size_from_which_all_larger_ones_fit():
    train = np.array([0.95, 0.3, 0.9, 1])
    assert fitting_threshold(X, train, level=0.9) == 4 and fitting_threshold(X, train[::-1], level=0.99) == np.inf
    assert peak_over_fitting_threshold(X, train, np.array([1, 5, 2, 9.0]), level=0.9) == 0.5  # an end is no peak
    assert np.isnan(peak_over_fitting_threshold(X, train, np.array([1, 2, 3, 4.0]), level=0.9))
    for best, factor in ((0, 4), (2, 1), (3, 2)):
        assert factor_from_fitting_threshold(X, train, np.eye(4)[best], level=0.9) == factor
    assert factor_from_fitting_threshold(X, 0 * train, train, level=0.9) == np.inf
