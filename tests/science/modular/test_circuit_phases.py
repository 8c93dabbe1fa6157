"""Memorization, circuit formation and cleanup from curves."""

import numpy as np
import pytest

from grok.science.modular.circuit_phases import CircuitPhases, circuit_phases, halfway_down, halfway_up, knee, lead

STEPS = np.arange(0, 15_001, 100)


def curve(*points: tuple[float, float]) -> np.ndarray:
    """A loss through the points (step, loss), piecewise linear in the logarithm of the loss."""
    step, loss = zip(*points, strict=True)
    return np.exp(np.interp(STEPS, step, np.log(loss)))


# The paper's description of its mainline run: the phases end at 1,400, 9,400 and 14,000.
TRAIN = curve((0, 5), (1400, 1e-6))
TEST = curve((0, 5), (1400, 25), (9400, 10), (14_000, 1e-2), (15_000, 1e-7))
EXCLUDED = curve((0, 5), (1400, 1e-3), (9400, 8), (15_000, 8))
RESTRICTED = curve((0, 5), (1400, 20), (9400, 1e-7), (15_000, 1e-7))


def test_the_phases_of_the_papers_run_are_found():
    phases = circuit_phases(STEPS, train_loss=TRAIN, test_loss=TEST, excluded_loss=EXCLUDED, threshold=0.01001)
    assert phases == CircuitPhases(1400, 9400, 14_000)


def test_without_generalization_no_circuit_forms_and_without_learning_no_phase_ends():
    flat = np.full(STEPS.size, 5.0)
    phases = circuit_phases(STEPS, train_loss=TRAIN, test_loss=flat, excluded_loss=EXCLUDED, threshold=0.1)
    assert phases == CircuitPhases(1400, None, None)
    phases = circuit_phases(STEPS, train_loss=flat, test_loss=flat, excluded_loss=flat, threshold=0.1)
    assert phases == CircuitPhases(None, None, None)


def test_a_nan_is_not_the_minimum_of_the_excluded_loss():
    excluded = np.where(STEPS == 1400, np.nan, EXCLUDED)
    phases = circuit_phases(STEPS, train_loss=TRAIN, test_loss=TEST, excluded_loss=excluded, threshold=0.01001)
    assert phases.memorization_ends in (1300, 1500)


def test_the_knee_of_a_fall_without_a_knee_is_its_start():
    assert knee(STEPS, curve((0, 5), (15_000, 1e-6)), until=15_000) == 0
    assert knee(STEPS, TEST, until=15_000) == 9400  # the more prominent of two knees


def test_restricted_and_excluded_loss_lead_the_test_loss():
    down, up = halfway_down(STEPS, RESTRICTED, after=1400), halfway_up(STEPS, EXCLUDED, after=1400)
    late = halfway_down(STEPS, TEST, after=1400)
    assert (down, up, late) == (5400, 5400, 14_200)


@pytest.mark.parametrize("values", [np.full(STEPS.size, 3.0), curve((0, 5), (15_000, 1)), curve((0, 1), (15_000, 500))])
def test_a_curve_that_does_not_fall_has_no_half_way_step(values):
    assert halfway_down(STEPS, values, after=0) is None
    assert halfway_up(STEPS, 1 / values, after=0) is None
    assert halfway_down(STEPS, values, after=99_999) is None


def test_the_lead_is_the_difference_of_the_half_way_steps_and_negative_for_a_lag():
    assert lead(STEPS, TRAIN, RESTRICTED, TEST, rising=False, threshold=0.1) == 14_200 - 5400
    assert lead(STEPS, TRAIN, EXCLUDED, TEST, rising=True, threshold=0.1) == 14_200 - 5400
    assert lead(STEPS, TRAIN, TEST, RESTRICTED, rising=False, threshold=0.1) == 5400 - 14_200


def test_the_lead_is_nan_if_a_curve_is_flat():
    flat = np.full(STEPS.size, 5.0)
    for train, progress, test in ((flat, RESTRICTED, TEST), (TRAIN, flat, TEST), (TRAIN, RESTRICTED, flat)):
        assert np.isnan(lead(STEPS, train, progress, test, rising=False, threshold=0.1))


def test_a_measure_that_changes_only_before_memorization_has_no_lead():
    early = curve((0, 5), (200, 1e-6), (15_000, 1e-6))
    assert np.isnan(lead(STEPS, TRAIN, early, TEST, rising=False, threshold=0.1))
