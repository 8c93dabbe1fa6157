"""The frontier of two power laws has their exponents; a loss is interpolated in logarithms."""

import numpy as np
import pytest

from grok.science.quanta.compute import exponent_difference, finite_exponent, frontier, law_losses, loss_at

ALPHA = 0.4


def test_the_frontier_of_the_laws_falls_with_the_exponent_of_the_theory():
    sizes, compute = np.geomspace(1e2, 1e6, 400), np.geomspace(1e8, 1e12, 50)
    examples = np.geomspace(1e2, 1e10, 2000)
    losses = [
        loss_at(compute, size, examples, np.maximum(size**-ALPHA, examples ** (-ALPHA / (1 + ALPHA)))) for size in sizes
    ]
    found = frontier(sizes, np.array(losses), from_bits=0.95)
    assert finite_exponent(compute, found.loss) == pytest.approx(-ALPHA / (2 + ALPHA), abs=2e-3)
    assert finite_exponent(compute, found.n_parameters) == pytest.approx(1 / (2 + ALPHA), abs=2e-2)


def test_a_loss_is_a_line_in_logarithms_and_unknown_beyond_its_examples():
    compute = 6 * 10.0 * np.array([0.5, 1, 10, 100, 200])
    found = loss_at(compute, 10.0, np.array([1, 100]), np.array([1.0, 0.01]))
    np.testing.assert_allclose(found, [np.nan, 1, 0.1, 0.01, np.nan])


def test_only_sizes_between_the_smallest_and_the_largest_are_fitted():
    losses = np.array([[0.9, 0.99, 0.9, np.nan], [0.99, 0.5, 0.4, 0.3], [0.99, 0.6, 0.5, 0.2]])
    found = frontier(np.array([1, 2, 3]), losses, from_bits=0.95)
    np.testing.assert_array_equal(found.loss, [np.nan, 0.5, 0.4, np.nan])
    np.testing.assert_array_equal(found.n_parameters, [np.nan, 2, 2, np.nan])
    assert np.isnan(finite_exponent(np.array([1.0, 2]), np.array([np.nan, 1])))
    x = np.array([1.0, 2, 4])
    assert exponent_difference(x, x**2, x**0.5) == pytest.approx(1.5)


def test_the_laws_lose_what_parameters_or_steps_leave_unlearned_whichever_is_more():
    frequencies = np.array([0.5, 0.3, 0.2])
    new, one, two = [1.0, 1, 1], [0.0, 1, 1], [0.0, 0, 1]
    losses = np.array([[new, one, one], [one, two, two]])  # [size, step, subtask], in bits
    found = law_losses(np.array([30, 50]), np.array([10, 100, 1000]), losses, frequencies, to_parameters=50.0)
    n_learned = [30 / 20, 50 / 20]  # one and two subtasks and half of the next, at 20 parameters each
    np.testing.assert_allclose(found[:, -1], np.interp(n_learned, range(4), [1, 0.5, 0.2, 0]))
    assert found[0, 0] == found[1, 0] > 0.5  # after ten steps, both have learned as little
