"""The reduced landscape: planted minima, edges and fractions are found, and decay takes the steps predicted."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from grok.science.landscape import (
    critical_fraction,
    depth,
    fits_from,
    given_norm,
    goldilocks_edge,
    least_error,
    lowest_norm,
    middle_of_lowest,
    predicted_steps,
    prediction_error,
    shrinking_slope,
)

SCALES = np.array([0.25, 0.5, 0.8, 1.3, 2.0, 4.0])  # no even grid
DECAYS = np.array([0, 0.03, 0.3, 3])
LR = 3e-4
LOWEST = partial(lowest_norm, logarithmic=True)


@pytest.mark.parametrize("at", [0.6, 0.8, 1.0, 1.2, 1.9])
def test_the_lowest_norm_is_that_of_the_planted_parabola_between_the_points(at):
    parabola = 0.1 + np.log(SCALES / at) ** 2
    assert lowest_norm(SCALES, parabola, logarithmic=False) == pytest.approx(at)
    assert lowest_norm(SCALES, np.exp(parabola), logarithmic=True) == pytest.approx(at)


def test_a_landscape_whose_lowest_point_is_not_enclosed_has_no_lowest_norm():
    assert math.isnan(lowest_norm(SCALES, SCALES, logarithmic=False))
    assert math.isnan(lowest_norm(SCALES, 1 / SCALES, logarithmic=True))
    assert math.isnan(lowest_norm(SCALES, np.array([2, 1, math.nan, 1, 2, 3]), logarithmic=False))


def test_a_flat_bottom_is_lowest_inside_it():
    assert lowest_norm(SCALES, np.array([9, 5, 1, 1, 5, 9]), logarithmic=False) == pytest.approx(1.02, abs=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_the_middle_of_a_flat_bottom_does_not_depend_on_the_noise_below_the_level(seed):
    noise = np.random.default_rng(seed).uniform(0, 0.01, SCALES.size)
    error = np.where((SCALES > 0.4) & (SCALES < 1.5), noise, 0.3 + noise)
    assert middle_of_lowest(SCALES, error, within=0.01) == pytest.approx(math.sqrt(0.5 * 1.3))


def test_the_middle_of_what_is_not_enclosed_is_none():
    assert math.isnan(middle_of_lowest(SCALES, SCALES, within=0.01))
    assert math.isnan(middle_of_lowest(SCALES, np.array([0.3, 0.2, 0.1, 0.0, 0.005, 0.008]), within=0.01))
    assert math.isnan(middle_of_lowest(SCALES, np.array([2, 1, math.nan, 1, 2, 3]), within=0.01))
    assert middle_of_lowest(SCALES, np.abs(SCALES - 0.8), within=0.01) == pytest.approx(0.8)


def test_a_u_is_as_deep_as_its_lower_side_is_high():
    assert depth(SCALES, np.array([0.9, 0.5, 0.1, 0.1, 0.2, 0.7])) == pytest.approx(0.6)
    assert depth(SCALES, 1 / SCALES) == depth(SCALES, SCALES) == 0


def test_the_l_is_low_from_the_norm_on_above_which_no_loss_is_high():
    error = np.array([0.5, 0.0, 0.2, 0.0, 0.0, 0.0])
    assert fits_from(SCALES, error, level=0.0) == 1.3 and fits_from(SCALES, error, level=0.2) == 0.5
    assert fits_from(SCALES, error[::-1], level=0.1) == math.inf and fits_from(SCALES, 0 * error, level=0.1) == 0.25


def test_the_edge_is_where_accuracy_falls_through_the_level_for_good():
    falls = 1 - np.log(SCALES) / math.log(4)  # by ln α, from above 1 to 0 at α = 4
    assert goldilocks_edge(SCALES, falls, level=0.5) == pytest.approx(2)
    assert goldilocks_edge(SCALES, falls, level=0.4) == pytest.approx(4**0.6)
    assert math.isnan(goldilocks_edge(SCALES, falls, level=0.0)) and math.isnan(
        goldilocks_edge(SCALES, falls, level=9.0)
    )


def test_the_least_error_is_the_best_over_the_run():
    assert least_error(np.array([0, 1, 2]), np.array([0.1, 0.75, 0.5])) == 0.25


@pytest.mark.parametrize(("ratio", "weight_decay"), [(1.3, 0.3), (2.0, 0.3), (2.0, 3.0), (8.0, 50.0)])
def test_adamw_without_a_gradient_shrinks_to_the_critical_norm_in_the_predicted_steps(ratio, weight_decay):
    weights = torch.full((7,), ratio, dtype=torch.float64, requires_grad=True)
    weights.grad = torch.zeros_like(weights)
    optimizer = torch.optim.AdamW([weights], lr=LR * 30, weight_decay=weight_decay)
    steps = 0
    while weights[0] > 1:
        optimizer.step()
        steps += 1
    assert steps - 1 < predicted_steps(ratio, LR * 30 * weight_decay) <= steps


def test_the_papers_law_is_the_limit_of_small_steps():
    assert predicted_steps(math.e, 1e-6) == pytest.approx(1e6, rel=1e-6) and predicted_steps(0.5, 1e-3) == 0


def world(*, times: float, power: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses, lowest at 1, and accuracies, through .5 at 1.5, of networks held at their norms; the steps that free ones
    take: those predicted from 1, what they shrink to a power, times a factor at decay 3."""
    held = np.exp(np.log(SCALES) ** 2)
    losses = np.stack([held, *np.zeros((3, SCALES.size))], axis=1)
    accuracies = np.stack([1 - 0.5 * np.log(SCALES) / math.log(1.5), *np.ones((3, SCALES.size))], axis=1)
    steps = np.log(np.maximum(SCALES, 1))[:, None] ** power / -np.log1p(-LR * np.maximum(DECAYS, 1e-3))
    steps[:, -1] *= times
    steps[:, 0] = math.nan
    return losses, accuracies, steps


def law(measure, landscape, steps, *, starts=(2.0, 2.0), critical=LOWEST):
    from_scale, to_scale = starts
    more = {"lr": LR, "from_scale": from_scale, "to_scale": to_scale, "critical": critical}
    return measure(SCALES, DECAYS, landscape, steps, **more)


@pytest.mark.parametrize("times", [1.0, 1.7, 0.4])
def test_a_prediction_is_as_wrong_as_at_its_worst(times):
    losses, accuracies, steps = world(times=times, power=1)
    assert law(prediction_error, losses, steps) == pytest.approx(max(times, 1 / times))
    by_edge = math.log(2) / math.log(4 / 3) * np.array([1, times])  # from 2 to 1.5 in place of 1
    for critical in (partial(goldilocks_edge, level=0.5), partial(given_norm, norm=1.5)):
        wrong = law(prediction_error, accuracies, steps, critical=critical)
        assert wrong == pytest.approx(np.maximum(by_edge, 1 / by_edge).max())


@pytest.mark.parametrize("measure", [prediction_error, shrinking_slope])
def test_a_law_of_what_never_came_is_infinitely_wrong_and_without_a_landscape_there_is_none(measure):
    losses, _, steps = world(times=1, power=1)
    assert law(measure, losses, np.where(DECAYS == 3, math.nan, steps), starts=(2.0, 4.0)) == math.inf
    assert math.isnan(law(measure, np.cumsum(losses, axis=0), steps, starts=(2.0, 4.0)))
    assert math.isnan(law(measure, losses, steps, starts=(2.1, 3.9)))


def test_networks_shrink_the_longer_the_further_they_start():
    losses, _, steps = world(times=1, power=1)
    assert law(shrinking_slope, losses, steps, starts=(1.3, 4.0)) == pytest.approx(1)
    steeper = world(times=1, power=2)[2]
    assert law(shrinking_slope, losses, steeper, starts=(1.3, 4.0)) > 1.4


def test_the_critical_fraction_is_where_the_best_norm_generalises():
    fractions = np.array([0.1, 0.2, 0.4, 0.6])
    accuracy = np.array([[0.0, 0.1, 0.3, 0.2], [0.0, 0.2, 0.6, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert critical_fraction(np.array([0.5, 1, 2]), fractions, accuracy, level=0.5) == pytest.approx(0.35)
    assert critical_fraction(np.array([0.5, 1, 2]), fractions, accuracy, level=1.1) == math.inf
    assert math.isnan(critical_fraction(np.array([0.5, 1, 2]), fractions, accuracy, level=0.0))
