"""The laws with a constant from what was measured give it back, and what a task of this size shows."""

import numpy as np
import pytest

from grok.science.power_law import exponent
from grok.science.quanta import asymptotic_exponents, learned_with_samples, loss_with_learned, zipf_frequencies
from grok.science.quanta_laws import (
    LAWS,
    by_own_transitions,
    constant,
    predicted_learned,
    predicted_loss,
    predicted_number,
)

FREQUENCIES = zipf_frequencies(100, alpha=0.4)
SAMPLES = np.geomspace(1e3, 1e7, 200)


def learned_at(samples: np.ndarray, *, threshold: float) -> np.ndarray:
    """Losses of 0 bits where a subtask was seen so often, else of 1."""
    return 1.0 - (samples[:, None] * FREQUENCIES >= threshold)


@pytest.mark.parametrize("law", ["data", "steps"])
@pytest.mark.parametrize("per_decade", [5, 50])
def test_how_often_a_subtask_was_seen_is_found_again_however_coarse_the_points(law, per_decade):
    samples = np.geomspace(1e3, 1e7, 4 * per_decade + 1)
    found = constant(law, samples, learned_at(samples, threshold=4000), FREQUENCIES)
    assert found == pytest.approx(4000, rel=1 / per_decade)


def test_the_parameters_that_each_takes_are_found_again():
    parameters = np.array([5.0, 10, 20, 40, 80, 160, 320]) * 135
    n = parameters / (7.3 * 135)
    losses = 1 - np.clip(n[:, None] - np.arange(100), 0, 1)  # the one that is due is learned in part
    found = constant("parameters", parameters, losses, FREQUENCIES)
    assert found == pytest.approx(7.3 * 135, rel=0.1)
    assert predicted_learned("parameters", parameters, FREQUENCIES, constant=7.3 * 135) == pytest.approx(n)
    assert predicted_learned("parameters", parameters * 1e6, FREQUENCIES, constant=1.0).tolist() == [100] * 7


def test_where_nothing_is_learned_or_all_there_is_no_constant_and_no_law():
    x = np.array([1.0, 10.0, 100.0])
    for law in LAWS:
        found = constant(law, x, np.ones((3, 100)), FREQUENCIES)
        assert np.isnan(found) and np.isnan(predicted_loss(law, x, FREQUENCIES, constant=found)).all()
        assert np.isnan(constant(law, x, np.zeros((3, 100)), FREQUENCIES))  # it was so before the first point


def test_the_smooth_law_goes_through_the_middle_of_the_staircase():
    stairs = learned_with_samples(SAMPLES, FREQUENCIES, threshold=4000.0)
    smooth = predicted_learned("data", SAMPLES, FREQUENCIES, constant=4000.0)
    assert np.abs(smooth - stairs).max() <= 0.5 + 1e-9 and np.diff(smooth).min() >= 0
    assert smooth[[0, -1]].tolist() == [0, 100]
    assert predicted_number(SAMPLES, 1.0 * learned_at(SAMPLES, threshold=4000), FREQUENCIES) == pytest.approx(
        stairs, abs=1
    )


@pytest.mark.parametrize(("law", "span"), [("data", (1e6, 1e9)), ("steps", (1e6, 1e9)), ("parameters", (30.0, 3000.0))])
def test_of_many_subtasks_the_laws_have_the_exponents_that_they_are_called_by(law, span):
    many, x = zipf_frequencies(1_000_000, alpha=1.0), np.geomspace(*span, 50)
    loss = predicted_loss(law, x, many, constant=1.0)
    assert -exponent(x, loss) == pytest.approx(getattr(asymptotic_exponents(1.0), law), rel=0.03)


def test_sharp_subtasks_make_the_mean_that_they_have():
    losses = learned_at(SAMPLES, threshold=4000)
    assert by_own_transitions(SAMPLES, losses, FREQUENCIES) == pytest.approx(losses @ FREQUENCIES)
    n = learned_with_samples(SAMPLES, FREQUENCIES, threshold=4000.0)
    assert losses @ FREQUENCIES == pytest.approx(loss_with_learned(n, FREQUENCIES))
