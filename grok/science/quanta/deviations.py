"""Deviations of measured exponents from the laws of the quantization model, for a task of the same size.

Losses are in nats, over points x and the subtasks' ranks, as in `grok.science.quanta.subtask_losses`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Real

from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.laws import fit_constant, fit_count_constant, predicted_count, predicted_loss
from grok.science.quanta.quantization_model import asymptotic_exponents, zipf_frequencies
from grok.science.quanta.subtask_losses import (
    count_exponent,
    fit_end,
    fit_start,
    learned_count_exponent,
    loss_exponent,
)


def loss_exponent_minus_law(
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "point subtask"],
    mean: Real[np.ndarray, " point"],
    *,
    alpha: float,
    law: str,
    from_x: float | int = 0.0,
    to_x: float | int = math.inf,
    from_bits: float | int = math.inf,
    to_bits: float | int = 0.0,
    every: int | float | None = None,
) -> float:
    """Exponent of the mean loss minus the exponent of the law, for a task of this size at the same points.

    With `to_bits`, the range ends where the loss first is below this value, independent of the speed of learning; NaN
    if the loss never is below it. The law's constant is fitted to these losses, up to the end of the range.
    """
    to_x = fit_end(x, mean, to_x=to_x, to_bits=to_bits)
    frequencies, bits, in_range = zipf_frequencies(ranks.size, alpha=alpha), losses / NATS_PER_BIT, x <= to_x
    fitted = fit_constant(law, x[in_range], bits[in_range], frequencies)
    predicted = predicted_loss(law, x, frequencies, constant=fitted)
    start = fit_start(x, mean, from_x=from_x, from_bits=from_bits)
    measured_exponent, law_exponent = (
        loss_exponent(x, loss, from_x=start, to_x=to_x, every=every) for loss in (mean, predicted)
    )
    return measured_exponent - law_exponent


def position_between_laws(
    x: Real[np.ndarray, " step"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "step subtask"],
    mean: Real[np.ndarray, " step"],
    *,
    alpha: float,
    **fit_range: int | float,
) -> float:
    """Where the exponent of the mean loss lies between two laws of steps, for a task of this size at the same points.

    0 is the law of steps: a subtask of frequency p is learned at a step ∝ 1/p. 1 is the law of ranks: subtasks take
    equal numbers of steps one after the other. `fit_range` holds range arguments of `loss_exponent_minus_law`.
    """
    above_first, above_second = (
        loss_exponent_minus_law(x, ranks, losses, mean, alpha=alpha, law=law, **fit_range) for law in ("steps", "ranks")
    )
    return above_first / (above_first - above_second)


def count_exponent_minus_law(
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "point subtask"],
    *,
    alpha: float,
    law: str,
    to_x: float | int = math.inf,
) -> float:
    """Exponent of the number of learned subtasks minus that of the law, for a task of this size at the same points.

    The law's constant is fitted to these losses, up to the end of the range.
    """
    frequencies, bits, in_range = zipf_frequencies(ranks.size, alpha=alpha), losses / NATS_PER_BIT, x <= to_x
    fitted = fit_count_constant(law, x[in_range], bits[in_range], frequencies)
    law_exponent = count_exponent(x, predicted_count(law, x, frequencies, constant=fitted), to_x=to_x)
    return learned_count_exponent(x, ranks, losses, to_x=to_x) - law_exponent


def count_exponent_minus_asymptote(
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "point subtask"],
    *,
    alpha: float,
) -> float:
    """Exponent of the number of learned subtasks minus 1 / (1 + α), the exponent for infinitely many subtasks."""
    return learned_count_exponent(x, ranks, losses) - asymptotic_exponents(alpha).learned


def max_over_alpha(
    alphas: Float[np.ndarray, " alpha"],
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "alpha point subtask"],
    *means: Real[np.ndarray, "alpha point"],
    deviation: Callable[..., float],
) -> float:
    """Largest absolute deviation over α.

    `deviation` is a function of this module, for example `loss_exponent_minus_law` or `count_exponent_minus_asymptote`.
    """
    values = [
        deviation(x, ranks, alpha_losses, *alpha_mean, alpha=float(alpha))
        for alpha, alpha_losses, *alpha_mean in zip(alphas, losses, *means, strict=True)
    ]
    return float(np.abs(values).max())


def difference_between_ticks(
    ticks: Real[np.ndarray, " tick"],
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "tick point subtask"],
    mean: Real[np.ndarray, "tick point"],
    *,
    at_tick: float | int,
    minus_tick: float | int,
    deviation: Callable[..., float],
) -> float:
    """Deviation at one tick of a swept key minus the deviation at another tick; NaN if a tick is missing."""
    chosen = [np.isclose(ticks, tick) for tick in (at_tick, minus_tick)]
    if not all(is_tick.any() for is_tick in chosen):
        return math.nan
    values = [deviation(x, ranks, losses[is_tick][0], mean[is_tick][0]) for is_tick in chosen]
    return values[0] - values[1]
