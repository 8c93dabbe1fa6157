"""The exponent of a power law through points."""

import math

import numpy as np
import pytest

from grok.science.power_law import exponent

X = np.geomspace(0.01, 1, 9)


@pytest.mark.parametrize("k", [-1.0, -0.5, 2.0])
def test_a_power_law_returns_its_exponent(k):
    assert exponent(X, 7 * X**k) == pytest.approx(k)


def test_a_range_counts_alone_and_has_its_ends():
    bent = np.where(X < 0.1 - 1e-9, 0.1**-1, X**-1)
    assert exponent(X, bent, from_x=0.1, to_x=1.0) == pytest.approx(-1)
    assert exponent(X, bent, to_x=0.1) == pytest.approx(0)


def test_a_point_without_a_value_leaves_no_exponent():
    assert math.isnan(exponent(X, np.where(X[3] == X, np.nan, X)))
    assert math.isnan(exponent(X[:1], X[:1]))
