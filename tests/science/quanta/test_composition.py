"""Composites: when they are learned, compared with their atoms."""

import math

import numpy as np
import pytest

from grok.science.quanta.composition import learned_at_end, median_delay, smallest_delay
from grok.science.quanta.emergence import NATS_PER_BIT

SUBTASKS, SEEDS = np.array(["1", "2", "3", "1+2", "2+3"]), np.arange(3)


def test_delays_are_ratios_to_the_last_atom_of_the_composites_that_were_learned():
    steps = np.array([[10, 10, 10], [20, 20, 20], [5, 5, 40], [60, math.inf, 100], [40, math.inf, math.inf]])
    assert smallest_delay(SUBTASKS, SEEDS, steps) == pytest.approx(2)
    assert median_delay(SUBTASKS, SEEDS, steps) == pytest.approx(3)  # of 3, 5 and 2
    steps[1, 0] = math.inf  # a composite without one of its atoms
    assert smallest_delay(SUBTASKS, SEEDS, steps) == 0
    steps[3:] = math.inf
    assert math.isnan(smallest_delay(SUBTASKS, SEEDS, steps)) and math.isnan(median_delay(SUBTASKS, SEEDS, steps))


@pytest.mark.parametrize(
    ("bits", "learned"), [([1, 0.05, 1, 1], 0), ([1, 1, 0.05, 1], 1), ([1, 1, 1, 0.09], 1), ([1, 1, 0.11, 0.2], 0)]
)
def test_a_subtask_is_learned_at_the_end_if_its_lowest_late_loss_is_below_a_tenth_of_a_bit(bits, learned):
    assert learned_at_end(np.array([0, 80, 90, 100]), NATS_PER_BIT * np.array(bits)) == learned
