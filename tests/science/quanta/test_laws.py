"""Laws with a fitted constant: they recover planted constants and predict the losses of a task of this size."""

import math

import numpy as np
import pytest

from grok.science.quanta.laws import (
    LAWS,
    fit_constant,
    fit_count_constant,
    learning_cost,
    loss_from_transitions,
    predicted_count,
    predicted_learned,
    predicted_loss,
    predicted_loss_when_stopped,
)
from grok.science.quanta.quantization_model import (
    asymptotic_exponents,
    learned_with_samples,
    loss_with_learned,
    samples_needed,
    zipf_frequencies,
)
from grok.science.statistics.power_law import exponent

FREQUENCIES = zipf_frequencies(100, alpha=0.4)
SAMPLES = np.geomspace(1e3, 1e7, 200)


def sharp_losses(samples: np.ndarray, *, threshold: float) -> np.ndarray:
    """Losses of 0 bits for subtasks with at least `threshold` samples, else 1 bit."""
    return 1.0 - (samples[:, None] * FREQUENCIES >= threshold)


@pytest.mark.parametrize("law", ["data", "steps"])
@pytest.mark.parametrize("per_decade", [5, 50])
def test_the_planted_threshold_is_recovered_from_coarse_and_fine_points(law, per_decade):
    samples = np.geomspace(1e3, 1e7, 4 * per_decade + 1)
    fitted = fit_constant(law, samples, sharp_losses(samples, threshold=4000), FREQUENCIES)
    assert fitted == pytest.approx(4000, rel=1 / per_decade)


def test_the_planted_parameters_per_subtask_are_recovered():
    parameters = np.array([5.0, 10, 20, 40, 80, 160, 320]) * 135
    n = parameters / (7.3 * 135)
    losses = 1 - np.clip(n[:, None] - np.arange(100), 0, 1)  # the next subtask is learned in part
    fitted = fit_constant("parameters", parameters, losses, FREQUENCIES)
    assert fitted == pytest.approx(7.3 * 135, rel=0.1)
    assert predicted_learned("parameters", parameters, FREQUENCIES, constant=7.3 * 135) == pytest.approx(n)
    assert predicted_learned("parameters", parameters * 1e6, FREQUENCIES, constant=1.0).tolist() == [100] * 7


def test_each_subtask_has_its_own_cost_and_the_constant_is_the_geometric_mean():
    due = samples_needed(FREQUENCIES, threshold=4000.0)
    late = due * np.where(np.arange(100) < 50, 1, 2)  # the rarer half needs twice the samples
    losses = 1.0 - (SAMPLES[:, None] >= late)
    cost = learning_cost("data", SAMPLES, losses, FREQUENCIES)
    is_known = np.isfinite(cost.cost)
    assert is_known[0] and not is_known[-1]  # the rarest was not learned
    assert np.array_equal(cost.is_fitted, is_known)
    assert cost.cost[:50] == pytest.approx(4000, rel=0.03)
    assert cost.cost[50:][is_known[50:]] == pytest.approx(8000, rel=0.03)
    fitted = fit_constant("data", SAMPLES, losses, FREQUENCIES)
    assert math.log(fitted) == pytest.approx(np.log(cost.cost[is_known]).mean())


def test_with_random_costs_the_constant_is_not_biased_toward_the_early_subtasks():
    scatter = np.exp(0.5 * np.random.default_rng(0).standard_normal((40, 100)))
    constants = []
    for factor in scatter:
        losses = 1.0 - (SAMPLES[:, None] * FREQUENCIES >= 4000 * factor)
        in_range = SAMPLES <= 1e6  # about thirty subtasks are due
        fitted = fit_constant("steps", SAMPLES[in_range], losses[in_range], FREQUENCIES)
        all_costs = learning_cost("steps", SAMPLES[in_range], losses[in_range], FREQUENCIES).cost
        constants.append([fitted, np.exp(np.nanmean(np.log(all_costs)))])
    ours, of_all_learned = np.exp(np.log(constants).mean(0))
    assert of_all_learned < 0.92 * 4000 < 0.94 * 4000 < ours < 4000 * 1.02


def test_steps_limit_the_learned_subtasks_if_training_stops_early_and_parameters_if_late():
    capacity = np.array([5.0, 50.0, 500.0])
    constants = dict(constant=1.0, steps_constant=100.0)
    for step, n in ((1, [0, 0, 0]), (10**12, [5, 50, 100])):
        loss = predicted_loss_when_stopped(step, "parameters", capacity, FREQUENCIES, **constants)
        assert loss == pytest.approx(loss_with_learned(np.array(n), FREQUENCIES))
    step = round(samples_needed(FREQUENCIES, threshold=100.0)[19])  # the 20th is due, and half learned
    loss = predicted_loss_when_stopped(step, "parameters", capacity, FREQUENCIES, **constants)
    assert loss == pytest.approx(loss_with_learned(np.array([5, 19.5, 19.5]), FREQUENCIES), rel=1e-3)


def test_there_is_no_constant_and_no_prediction_if_no_subtask_or_every_subtask_is_learned():
    x = np.array([1.0, 10.0, 100.0])
    for law in LAWS:
        fitted = fit_constant(law, x, np.ones((3, 100)), FREQUENCIES)
        assert np.isnan(fitted) and np.isnan(predicted_loss(law, x, FREQUENCIES, constant=fitted)).all()
        assert np.isnan(fit_constant(law, x, np.zeros((3, 100)), FREQUENCIES))  # learned before the first point


def test_the_smooth_law_passes_through_the_middle_of_the_staircase():
    stairs = learned_with_samples(SAMPLES, FREQUENCIES, threshold=4000.0)
    smooth = predicted_learned("data", SAMPLES, FREQUENCIES, constant=4000.0)
    assert np.abs(smooth - stairs).max() <= 0.5 + 1e-9 and np.diff(smooth).min() >= 0
    assert smooth[[0, -1]].tolist() == [0, 100]
    fitted = fit_count_constant("data", SAMPLES, 1.0 * sharp_losses(SAMPLES, threshold=4000), FREQUENCIES)
    assert predicted_count("data", SAMPLES, FREQUENCIES, constant=fitted) == pytest.approx(stairs, abs=1)


def test_counts_are_integers_with_their_own_constant():
    capacity = np.array([0.9, 1.0, 7.9, 1e9])
    assert predicted_count("parameters", capacity, FREQUENCIES, constant=1.0).tolist() == [0, 1, 7, 100]
    assert predicted_count("steps", capacity, FREQUENCIES, constant=np.nan).tolist() == [0] * 4
    learned = samples_needed(FREQUENCIES, threshold=4000.0) * 2  # half learned at half of this
    losses = np.where(SAMPLES[:, None] < learned, 0.4, 0.0) + 0.6 * (SAMPLES[:, None] < learned / 2)
    constants = [fit("steps", SAMPLES, losses, FREQUENCIES) for fit in (fit_constant, fit_count_constant)]
    assert constants == pytest.approx([4000, 8000], rel=0.05)


@pytest.mark.parametrize(("law", "span"), [("data", (1e6, 1e9)), ("steps", (1e6, 1e9)), ("parameters", (30.0, 3000.0))])
def test_with_many_subtasks_each_law_has_its_asymptotic_exponent(law, span):
    many, x = zipf_frequencies(1_000_000, alpha=1.0), np.geomspace(*span, 50)
    loss = predicted_loss(law, x, many, constant=1.0)
    assert -exponent(x, loss) == pytest.approx(getattr(asymptotic_exponents(1.0), law), rel=0.03)


def test_sharp_transitions_give_the_mean_loss():
    losses = sharp_losses(SAMPLES, threshold=4000.0)
    assert loss_from_transitions(SAMPLES, losses, FREQUENCIES) == pytest.approx(losses @ FREQUENCIES)
    n = learned_with_samples(SAMPLES, FREQUENCIES, threshold=4000.0)
    assert losses @ FREQUENCIES == pytest.approx(loss_with_learned(n, FREQUENCIES))
