"""Memorisation, circuit formation and cleanup, read off curves."""

import numpy as np
import pytest

from grok.science.circuit_phases import (
    CircuitPhases,
    circuit_phases,
    halfway_down,
    halfway_up,
    knee,
    lead,
)

STEPS = np.arange(0, 15_001, 100)


def curve(*points: tuple[float, float]) -> np.ndarray:
    """Straight lines in the logarithm of the loss."""
    at, loss = zip(*points, strict=True)
    return np.exp(np.interp(STEPS, at, np.log(loss)))


# The paper's account of its mainline run: phases end at 1,400, 9,400 and 14,000.
TRAIN = curve((0, 5), (1400, 1e-6))
TEST = curve((0, 5), (1400, 25), (9400, 10), (14_000, 1e-2), (15_000, 1e-7))
EXCLUDED = curve((0, 5), (1400, 1e-3), (9400, 8), (15_000, 8))
RESTRICTED = curve((0, 5), (1400, 20), (9400, 1e-7), (15_000, 1e-7))


def test_the_phases_of_the_papers_account():
    found = circuit_phases(STEPS, train_loss=TRAIN, test_loss=TEST, excluded_loss=EXCLUDED, threshold=0.01001)
    assert found == CircuitPhases(1400, 9400, 14_000)


def test_a_network_that_never_generalises_forms_no_circuit_and_one_that_does_not_learn_memorises_nothing():
    flat = np.full(STEPS.size, 5.0)
    found = circuit_phases(STEPS, train_loss=TRAIN, test_loss=flat, excluded_loss=EXCLUDED, threshold=0.1)
    assert found == CircuitPhases(1400, None, None)
    found = circuit_phases(STEPS, train_loss=flat, test_loss=flat, excluded_loss=flat, threshold=0.1)
    assert found == CircuitPhases(None, None, None)


def test_a_loss_that_is_not_a_number_has_not_been_low():
    excluded = np.where(STEPS == 1400, np.nan, EXCLUDED)
    found = circuit_phases(STEPS, train_loss=TRAIN, test_loss=TEST, excluded_loss=excluded, threshold=0.01001)
    assert found.memorization_ends in (1300, 1500)


def test_the_knee_of_a_fall_without_one_is_its_beginning():
    assert knee(STEPS, curve((0, 5), (15_000, 1e-6)), until=15_000) == 0
    assert knee(STEPS, TEST, until=15_000) == 9400  # of two, the one that stands out more


def test_restricted_and_excluded_loss_lead_the_test_loss():
    down, up = halfway_down(STEPS, RESTRICTED, after=1400), halfway_up(STEPS, EXCLUDED, after=1400)
    late = halfway_down(STEPS, TEST, after=1400)
    assert (down, up, late) == (5400, 5400, 14_200)


@pytest.mark.parametrize("values", [np.full(STEPS.size, 3.0), curve((0, 5), (15_000, 1)), curve((0, 1), (15_000, 500))])
def test_no_fall_has_no_half(values):
    assert halfway_down(STEPS, values, after=0) is None
    assert halfway_up(STEPS, 1 / values, after=0) is None
    assert halfway_down(STEPS, values, after=99_999) is None


def test_a_progress_measure_leads_by_the_steps_between_the_halves_and_lags_by_as_many():
    assert lead(STEPS, TRAIN, RESTRICTED, TEST, rising=False, threshold=0.1) == 14_200 - 5400
    assert lead(STEPS, TRAIN, EXCLUDED, TEST, rising=True, threshold=0.1) == 14_200 - 5400
    assert lead(STEPS, TRAIN, TEST, RESTRICTED, rising=False, threshold=0.1) == 5400 - 14_200


def test_there_is_no_lead_where_a_curve_stays_or_nothing_was_memorised():
    flat = np.full(STEPS.size, 5.0)
    for train, progress, test in ((flat, RESTRICTED, TEST), (TRAIN, flat, TEST), (TRAIN, RESTRICTED, flat)):
        assert np.isnan(lead(STEPS, train, progress, test, rising=False, threshold=0.1))


def test_what_moved_before_memorisation_does_not_lead():
    early = curve((0, 5), (200, 1e-6), (15_000, 1e-6))
    assert np.isnan(lead(STEPS, TRAIN, early, TEST, rising=False, threshold=0.1))
