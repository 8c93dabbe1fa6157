"""The fall of a line, of a step, and of a loss with a plateau."""

import math

import numpy as np
import pytest

from grok.science.language.phase_change import (
    fall,
    halfway_step,
    lead_over_fall,
    plateau_over_fall,
    relative_fall_width,
    share_during_fall,
    speed_during_fall,
)

STEPS = np.arange(0, 101, 10)


def test_a_line_falls_from_ten_to_ninety_percent_of_its_steps():
    loss = 5 - STEPS / 25
    assert fall(STEPS, loss, loss, loss) == pytest.approx((10, 90))
    assert halfway_step(STEPS, loss, loss, loss) == pytest.approx(50)
    assert relative_fall_width(STEPS, loss, loss, loss) == pytest.approx(8)
    assert share_during_fall(STEPS, loss, 3.0 * STEPS) == pytest.approx(0.8)


def test_a_plateau_before_a_sharp_fall():
    loss = np.where(STEPS < 60, 1.0, 0.0)
    loss[0] = 3.0  # it comes from above; the fall is measured from the plateau
    plateau = np.ones_like(loss)
    assert fall(STEPS, loss, plateau, loss) == pytest.approx((51, 59))
    assert relative_fall_width(STEPS, loss, plateau, loss) == pytest.approx(8 / 51)
    assert plateau_over_fall(STEPS, loss, plateau, loss, within=0.02) == pytest.approx(40 / 8)
    assert plateau_over_fall(STEPS, loss, plateau + 9, loss, within=0.02) == 0


def test_a_score_that_rises_earlier_leads():
    loss, score = np.where(STEPS < 60, 1.0, 0.0), np.where(STEPS < 40, 0.1, 0.9)
    assert lead_over_fall(STEPS, score, loss, loss, loss) == pytest.approx(20)
    assert lead_over_fall(STEPS, np.where(STEPS < 60, 0.1, 0.9), loss, loss, loss) == pytest.approx(0)


def test_a_network_that_ends_halfway_has_not_fallen_to_the_level_below():
    loss, high, low = np.linspace(3, 2, 11), np.full(11, 3.0), np.full(11, 0.5)
    assert halfway_step(STEPS, loss, high, low) == math.inf and relative_fall_width(STEPS, loss, high, low) == math.inf
    assert fall(STEPS, loss, high, low) == (pytest.approx(25), math.inf)
    assert plateau_over_fall(STEPS, loss, high, low, within=0.2) == 0
    assert math.isnan(lead_over_fall(STEPS, -loss, loss, high, low))


def test_a_loss_that_never_falls_below_the_level_above_has_an_infinite_width():
    assert relative_fall_width(STEPS, np.full(11, 3.0), np.full(11, 2.0), np.full(11, 1.0)) == math.inf


def test_a_quantity_that_moves_twice_as_fast_during_the_fall():
    loss = np.interp(STEPS, [0, 50, 70, 100], [1, 0.9, 0.1, 0])
    assert speed_during_fall(STEPS, loss, np.interp(STEPS, [0, 50, 70, 100], [0, 5, 9, 9])) == pytest.approx(2)
    assert speed_during_fall(STEPS, loss, 3.0 * STEPS) == pytest.approx(1)
