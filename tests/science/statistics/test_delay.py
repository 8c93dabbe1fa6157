"""When a curve has settled above a threshold."""

import numpy as np
import pytest

from grok.science.statistics.delay import delay, first_at, settled_at

STEPS = np.array([0, 1, 10, 100, 1000])


@pytest.mark.parametrize(
    ("accuracy", "settled"),
    [
        ([0.1, 0.2, 0.9, 0.95, 1.0], 10),
        ([0.9, 0.9, 0.9, 0.9, 0.9], 0),  # a value at the threshold counts
        ([0.1, 0.95, 0.2, 0.95, 1.0], 100),  # the first rise does not count, because the curve falls again
        ([0.1, 0.95, 0.95, 0.95, 0.2], None),
        ([0.1, 0.2, 0.3, 0.4, 0.5], None),
        ([0.1, 0.95, float("nan"), 0.95, 1.0], 100),  # NaN is not above the threshold
    ],
)
def test_a_curve_settles_at_the_first_evaluation_from_which_it_stays_above_the_threshold(accuracy, settled):
    assert settled_at(STEPS, np.array(accuracy), 0.9) == settled


def test_a_delay_needs_both_steps():
    assert delay(100, 30_000) == 29_900
    assert delay(None, 5) is None and delay(5, None) is None


def test_the_first_step_above_the_threshold_counts_even_if_the_curve_falls_again():
    steps, accuracy = np.array([0, 1, 2, 3]), np.array([0.1, 0.9, 0.2, 0.3])
    assert first_at(steps, accuracy, 0.8) == 1 and settled_at(steps, accuracy, 0.8) is None
    assert first_at(steps, accuracy, 0.95) is None
