"""When a curve has settled above a threshold."""

import numpy as np
import pytest

from grok.science.delay import delay, first_at, settled_at

STEPS = np.array([0, 1, 10, 100, 1000])


@pytest.mark.parametrize(
    ("accuracy", "settled"),
    [
        ([0.1, 0.2, 0.9, 0.95, 1.0], 10),
        ([0.9, 0.9, 0.9, 0.9, 0.9], 0),  # at the threshold counts
        ([0.1, 0.95, 0.2, 0.95, 1.0], 100),  # a curve that falls again has not settled
        ([0.1, 0.95, 0.95, 0.95, 0.2], None),
        ([0.1, 0.2, 0.3, 0.4, 0.5], None),
        ([0.1, 0.95, float("nan"), 0.95, 1.0], 100),  # not a number is not above
    ],
)
def test_a_curve_settles_at_the_first_look_after_which_it_stays(accuracy, settled):
    assert settled_at(STEPS, np.array(accuracy), 0.9) == settled


def test_a_delay_needs_both_steps():
    assert delay(100, 30_000) == 29_900
    assert delay(None, 5) is None and delay(5, None) is None


def test_first_reaching_counts_even_if_it_is_lost_again():
    steps, accuracy = np.array([0, 1, 2, 3]), np.array([0.1, 0.9, 0.2, 0.3])
    assert first_at(steps, accuracy, 0.8) == 1 and settled_at(steps, accuracy, 0.8) is None
    assert first_at(steps, accuracy, 0.95) is None
