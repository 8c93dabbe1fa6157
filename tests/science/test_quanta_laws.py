"""The laws with a constant from what was measured give it back, and what a task of this size shows."""

import math

import numpy as np
import pytest

from grok.science.power_law import exponent
from grok.science.quanta import (
    asymptotic_exponents,
    learned_with_samples,
    loss_with_learned,
    samples_needed,
    zipf_frequencies,
)
from grok.science.quanta_laws import (
    LAWS,
    by_own_transitions,
    constant,
    number_constant,
    predicted_learned,
    predicted_loss,
    predicted_loss_by,
    predicted_number,
    taken,
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


def test_what_each_subtask_took_is_its_own_and_the_constant_their_mean():
    due = samples_needed(FREQUENCIES, threshold=4000.0)
    late = due * np.where(np.arange(100) < 50, 1, 2)  # the rarer half takes twice as many
    found = taken("data", SAMPLES, 1.0 - (SAMPLES[:, None] >= late), FREQUENCIES)
    known = np.isfinite(found.each)
    assert known[0] and not known[-1]  # the rarest was not learned
    assert np.array_equal(found.counts, known)
    assert found.each[:50] == pytest.approx(4000, rel=0.03)
    assert found.each[50:][known[50:]] == pytest.approx(8000, rel=0.03)
    mean = constant("data", SAMPLES, 1.0 - (SAMPLES[:, None] >= late), FREQUENCIES)
    assert math.log(mean) == pytest.approx(np.log(found.each[known]).mean())


def test_where_subtasks_are_early_and_late_by_chance_the_constant_is_not_that_of_the_early_ones():
    scatter = np.exp(0.5 * np.random.default_rng(0).standard_normal((40, 100)))
    found = []
    for each in scatter:
        losses = 1.0 - (SAMPLES[:, None] * FREQUENCIES >= 4000 * each)
        seen = SAMPLES <= 1e6  # when some thirty are due
        found.append([constant("steps", SAMPLES[seen], losses[seen], FREQUENCIES)])
        everything = taken("steps", SAMPLES[seen], losses[seen], FREQUENCIES).each
        found[-1].append(np.exp(np.nanmean(np.log(everything))))
    ours, of_all_learned = np.exp(np.log(found).mean(0))
    assert of_all_learned < 0.92 * 4000 < 0.94 * 4000 < ours < 4000 * 1.02


def test_stopped_early_there_are_as_many_as_there_was_time_for_and_late_as_many_as_there_is_room():
    room = np.array([5.0, 50.0, 500.0])
    for step, n in ((1, [0, 0, 0]), (10**12, [5, 50, 100])):
        loss = predicted_loss_by(step, "parameters", room, FREQUENCIES, constant=1.0, steps_constant=100.0)
        assert loss == pytest.approx(loss_with_learned(np.array(n), FREQUENCIES))
    step = round(samples_needed(FREQUENCIES, threshold=100.0)[19])  # the 20th is due, and half learned
    loss = predicted_loss_by(step, "parameters", room, FREQUENCIES, constant=1.0, steps_constant=100.0)
    assert loss == pytest.approx(loss_with_learned(np.array([5, 19.5, 19.5]), FREQUENCIES), rel=1e-3)


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
    own = number_constant("data", SAMPLES, 1.0 * learned_at(SAMPLES, threshold=4000), FREQUENCIES)
    assert predicted_number("data", SAMPLES, FREQUENCIES, constant=own) == pytest.approx(stairs, abs=1)


def test_numbers_are_of_whole_subtasks_and_of_a_constant_of_their_own():
    room = np.array([0.9, 1.0, 7.9, 1e9])
    assert predicted_number("parameters", room, FREQUENCIES, constant=1.0).tolist() == [0, 1, 7, 100]
    assert predicted_number("steps", room, FREQUENCIES, constant=np.nan).tolist() == [0] * 4
    late = samples_needed(FREQUENCIES, threshold=4000.0) * 2  # from half learned to as good as all
    losses = np.where(SAMPLES[:, None] < late, 0.4, 0.0) + 0.6 * (SAMPLES[:, None] < late / 2)
    found = [of("steps", SAMPLES, losses, FREQUENCIES) for of in (constant, number_constant)]
    assert found == pytest.approx([4000, 8000], rel=0.05)


@pytest.mark.parametrize(("law", "span"), [("data", (1e6, 1e9)), ("steps", (1e6, 1e9)), ("parameters", (30.0, 3000.0))])
def test_of_many_subtasks_the_laws_have_the_exponents_that_they_are_called_by(law, span):
    many, x = zipf_frequencies(1_000_000, alpha=1.0), np.geomspace(*span, 50)
    loss = predicted_loss(law, x, many, constant=1.0)
    assert -exponent(x, loss) == pytest.approx(getattr(asymptotic_exponents(1.0), law), rel=0.03)


def test_sharp_subtasks_make_the_mean_that_they_have():
    losses = learned_at(SAMPLES, threshold=4000.0)
    assert by_own_transitions(SAMPLES, losses, FREQUENCIES) == pytest.approx(losses @ FREQUENCIES)
    n = learned_with_samples(SAMPLES, FREQUENCIES, threshold=4000.0)
    assert losses @ FREQUENCIES == pytest.approx(loss_with_learned(n, FREQUENCIES))
