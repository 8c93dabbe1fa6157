"""The reduced landscape: measures recover known minima, edges and fractions; weight decay takes the predicted steps."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from grok.science.landscape.reduced_landscape import (
    critical_fraction,
    decay_steps,
    fit_onset,
    fixed_norm,
    goldilocks_edge,
    middle_of_lowest_norms,
    min_error,
    norm_of_lowest_loss,
    prediction_error,
    shrinkage_slope,
    valley_depth,
)

SCALES = np.array([0.25, 0.5, 0.8, 1.3, 2.0, 4.0])  # an uneven grid
DECAYS = np.array([0, 0.03, 0.3, 3])
LR = 3e-4
LOWEST = partial(norm_of_lowest_loss, logarithmic=True)


@pytest.mark.parametrize("minimum", [0.6, 0.8, 1.0, 1.2, 1.9])
def test_the_norm_of_lowest_loss_is_the_minimum_of_a_parabola_between_the_grid_points(minimum):
    parabola = 0.1 + np.log(SCALES / minimum) ** 2
    assert norm_of_lowest_loss(SCALES, parabola, logarithmic=False) == pytest.approx(minimum)
    assert norm_of_lowest_loss(SCALES, np.exp(parabola), logarithmic=True) == pytest.approx(minimum)


def test_a_landscape_has_no_norm_of_lowest_loss_if_its_minimum_is_at_an_end_or_a_value_is_nan():
    assert math.isnan(norm_of_lowest_loss(SCALES, SCALES, logarithmic=False))
    assert math.isnan(norm_of_lowest_loss(SCALES, 1 / SCALES, logarithmic=True))
    assert math.isnan(norm_of_lowest_loss(SCALES, np.array([2, 1, math.nan, 1, 2, 3]), logarithmic=False))


def test_the_norm_of_lowest_loss_lies_inside_a_flat_minimum():
    assert norm_of_lowest_loss(SCALES, np.array([9, 5, 1, 1, 5, 9]), logarithmic=False) == pytest.approx(1.02, abs=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_the_middle_of_a_flat_minimum_does_not_depend_on_noise_below_the_level(seed):
    noise = np.random.default_rng(seed).uniform(0, 0.01, SCALES.size)
    error = np.where((SCALES > 0.4) & (SCALES < 1.5), noise, 0.3 + noise)
    assert middle_of_lowest_norms(SCALES, error, within=0.01) == pytest.approx(math.sqrt(0.5 * 1.3))


def test_the_middle_of_the_lowest_norms_is_nan_if_they_reach_an_end_of_the_grid_or_a_value_is_nan():
    assert math.isnan(middle_of_lowest_norms(SCALES, SCALES, within=0.01))
    assert math.isnan(middle_of_lowest_norms(SCALES, np.array([0.3, 0.2, 0.1, 0.0, 0.005, 0.008]), within=0.01))
    assert math.isnan(middle_of_lowest_norms(SCALES, np.array([2, 1, math.nan, 1, 2, 3]), within=0.01))
    assert middle_of_lowest_norms(SCALES, np.abs(SCALES - 0.8), within=0.01) == pytest.approx(0.8)


def test_the_depth_of_a_u_is_the_height_of_its_lower_end():
    assert valley_depth(SCALES, np.array([0.9, 0.5, 0.1, 0.1, 0.2, 0.7])) == pytest.approx(0.6)
    assert valley_depth(SCALES, 1 / SCALES) == valley_depth(SCALES, SCALES) == 0


def test_the_onset_of_the_fit_is_the_norm_from_which_no_loss_is_above_the_level():
    error = np.array([0.5, 0.0, 0.2, 0.0, 0.0, 0.0])
    assert fit_onset(SCALES, error, level=0.0) == 1.3 and fit_onset(SCALES, error, level=0.2) == 0.5
    assert fit_onset(SCALES, error[::-1], level=0.1) == math.inf and fit_onset(SCALES, 0 * error, level=0.1) == 0.25


def test_the_goldilocks_edge_is_the_norm_at_which_accuracy_falls_below_the_level_for_good():
    accuracy = 1 - np.log(SCALES) / math.log(4)  # linear in ln α, from above 1 to 0 at α = 4
    assert goldilocks_edge(SCALES, accuracy, level=0.5) == pytest.approx(2)
    assert goldilocks_edge(SCALES, accuracy, level=0.4) == pytest.approx(4**0.6)
    assert math.isnan(goldilocks_edge(SCALES, accuracy, level=0.0))
    assert math.isnan(goldilocks_edge(SCALES, accuracy, level=9.0))


def test_the_minimum_error_is_the_best_over_the_run():
    assert min_error(np.array([0, 1, 2]), np.array([0.1, 0.75, 0.5])) == 0.25


@pytest.mark.parametrize(("ratio", "weight_decay"), [(1.3, 0.3), (2.0, 0.3), (2.0, 3.0), (8.0, 50.0)])
def test_adamw_without_a_gradient_shrinks_to_the_critical_norm_in_the_predicted_steps(ratio, weight_decay):
    weights = torch.full((7,), ratio, dtype=torch.float64, requires_grad=True)
    weights.grad = torch.zeros_like(weights)
    optimizer = torch.optim.AdamW([weights], lr=LR * 30, weight_decay=weight_decay)
    steps = 0
    while weights[0] > 1:
        optimizer.step()
        steps += 1
    assert steps - 1 < decay_steps(ratio, LR * 30 * weight_decay) <= steps


def test_the_papers_law_is_the_limit_of_small_steps():
    assert decay_steps(math.e, 1e-6) == pytest.approx(1e6, rel=1e-6) and decay_steps(0.5, 1e-3) == 0


def synthetic_sweep(*, factor: float, power: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses and accuracies of networks at fixed norms, and the steps of generalization of free networks.

    The loss is lowest at norm 1, and the accuracy falls through .5 at norm 1.5. The steps are those predicted for
    w_c = 1, with the distance ln w raised to `power`; at decay 3 they are multiplied by `factor`.
    """
    fixed = np.exp(np.log(SCALES) ** 2)
    losses = np.stack([fixed, *np.zeros((3, SCALES.size))], axis=1)
    accuracies = np.stack([1 - 0.5 * np.log(SCALES) / math.log(1.5), *np.ones((3, SCALES.size))], axis=1)
    steps = np.log(np.maximum(SCALES, 1))[:, None] ** power / -np.log1p(-LR * np.maximum(DECAYS, 1e-3))
    steps[:, -1] *= factor
    steps[:, 0] = math.nan
    return losses, accuracies, steps


def evaluate(measure, landscape, steps, *, starts=(2.0, 2.0), critical=LOWEST):
    from_scale, to_scale = starts
    options = {"lr": LR, "from_scale": from_scale, "to_scale": to_scale, "critical": critical}
    return measure(SCALES, DECAYS, landscape, steps, **options)


@pytest.mark.parametrize("factor", [1.0, 1.7, 0.4])
def test_the_prediction_error_is_that_of_the_worst_network(factor):
    losses, accuracies, steps = synthetic_sweep(factor=factor, power=1)
    assert evaluate(prediction_error, losses, steps) == pytest.approx(max(factor, 1 / factor))
    # The networks shrink from 2 to 1, and the prediction for w_c = 1.5 is from 2 to 1.5.
    errors = math.log(2) / math.log(4 / 3) * np.array([1, factor])
    for critical in (partial(goldilocks_edge, level=0.5), partial(fixed_norm, norm=1.5)):
        error = evaluate(prediction_error, accuracies, steps, critical=critical)
        assert error == pytest.approx(np.maximum(errors, 1 / errors).max())


@pytest.mark.parametrize("measure", [prediction_error, shrinkage_slope])
def test_a_measure_of_the_law_is_infinite_without_generalization_and_nan_without_a_critical_norm_or_network(measure):
    losses, _, steps = synthetic_sweep(factor=1, power=1)
    assert evaluate(measure, losses, np.where(DECAYS == 3, math.nan, steps), starts=(2.0, 4.0)) == math.inf
    assert math.isnan(evaluate(measure, np.cumsum(losses, axis=0), steps, starts=(2.0, 4.0)))
    assert math.isnan(evaluate(measure, losses, steps, starts=(2.1, 3.9)))


def test_the_shrinking_slope_is_one_by_the_law_and_larger_for_a_steeper_law():
    losses, _, steps = synthetic_sweep(factor=1, power=1)
    assert evaluate(shrinkage_slope, losses, steps, starts=(1.3, 4.0)) == pytest.approx(1)
    steeper = synthetic_sweep(factor=1, power=2)[2]
    assert evaluate(shrinkage_slope, losses, steeper, starts=(1.3, 4.0)) > 1.4


def test_the_critical_fraction_is_the_fraction_at_which_the_best_norm_generalizes():
    fractions = np.array([0.1, 0.2, 0.4, 0.6])
    accuracy = np.array([[0.0, 0.1, 0.3, 0.2], [0.0, 0.2, 0.6, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert critical_fraction(np.array([0.5, 1, 2]), fractions, accuracy, level=0.5) == pytest.approx(0.35)
    assert critical_fraction(np.array([0.5, 1, 2]), fractions, accuracy, level=1.1) == math.inf
    assert math.isnan(critical_fraction(np.array([0.5, 1, 2]), fractions, accuracy, level=0.0))
