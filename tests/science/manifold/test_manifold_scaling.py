"""Exponents by dimension come back from planted power laws."""

import numpy as np
import pytest

from grok.science.manifold.scaling import (
    dimension_exponent,
    exponents,
    lowest_r_squared,
    worst_factor,
)

DIMS, X = np.array([2.0, 4, 8]), np.array([8.0, 16, 32, 64])


def test_planted_exponents_come_back_by_the_key_and_by_given_sizes():
    losses = 3 * X ** (-4 / DIMS[:, None])
    np.testing.assert_allclose(exponents(X, losses), 4 / DIMS)
    sizes = np.broadcast_to(X**2, losses.shape)
    np.testing.assert_allclose(exponents(X, losses, sizes), 2 / DIMS)
    assert dimension_exponent(DIMS, X, losses) == pytest.approx(-1)
    assert lowest_r_squared(DIMS, X, losses, sizes) == pytest.approx(1)
    assert worst_factor(DIMS, X, losses, numerator=4) == pytest.approx(1)
    assert worst_factor(DIMS, X, losses, sizes, numerator=4) == pytest.approx(2)
    assert np.isinf(worst_factor(DIMS, X, 1 / losses, numerator=4))
