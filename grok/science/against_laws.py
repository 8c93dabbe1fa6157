"""What the losses of subtasks do, held against the laws of the quanta for a task of their size: claims on exponents.

Losses are in nats, over points x and the subtasks' ranks, as in `grok.science.subtask_losses`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Real

from grok.science.curves import first_below
from grok.science.emergence import NATS_PER_BIT
from grok.science.quanta import asymptotic_exponents, zipf_frequencies
from grok.science.quanta_laws import constant, number_constant, predicted_loss, predicted_number
from grok.science.subtask_losses import fall, fit_begins, rise, rise_of_number


def fall_less_predicted(
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
    """By how much the mean loss falls more steeply than the law has it, for a task of this size at the same points.

    The range may end where the loss first is below `to_bits`, which is where it is however fast a network learns. The
    law's constant is that of these losses, up to the end of the range. NaN where the loss never is below `to_bits`.
    """
    if to_bits > 0:
        to_x = min(to_x, first_below(x, mean, level=to_bits * NATS_PER_BIT))
        if math.isinf(to_x):
            return math.nan
    frequencies, bits, seen = zipf_frequencies(ranks.size, alpha=alpha), losses / NATS_PER_BIT, x <= to_x
    predicted = predicted_loss(law, x, frequencies, constant=constant(law, x[seen], bits[seen], frequencies))
    begins = fit_begins(x, mean, from_x=from_x, from_bits=from_bits)
    ours, theirs = (fall(x, each, from_x=begins, to_x=to_x, every=every) for each in (mean, predicted))
    return ours - theirs


def rise_less_predicted(
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "point subtask"],
    *,
    alpha: float,
    law: str,
    to_x: float | int = math.inf,
) -> float:
    """By how much the number learned rises more steeply than the law has it, for a task of this size at these points.

    The law's constant is that of these losses, up to the end of the range.
    """
    frequencies, bits, seen = zipf_frequencies(ranks.size, alpha=alpha), losses / NATS_PER_BIT, x <= to_x
    own = number_constant(law, x[seen], bits[seen], frequencies)
    theirs = rise_of_number(x, predicted_number(law, x, frequencies, constant=own), to_x=to_x)
    return rise(x, ranks, losses, to_x=to_x) - theirs


def rise_less_asymptotic(
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "point subtask"],
    *,
    alpha: float,
) -> float:
    """By how much the number learned rises more steeply than with 1 / (1 + α), that of infinitely many subtasks."""
    return rise(x, ranks, losses) - asymptotic_exponents(alpha).learned


def farthest(
    alphas: Float[np.ndarray, " alpha"],
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "alpha point subtask"],
    *means: Real[np.ndarray, "alpha point"],
    less: Callable[..., float],
) -> float:
    """The largest size over α of what `less` finds, such as `fall_less_predicted` or `rise_less_asymptotic`."""
    found = [
        less(x, ranks, own, *mean, alpha=float(alpha)) for alpha, own, *mean in zip(alphas, losses, *means, strict=True)
    ]
    return float(np.abs(found).max())


def gained(
    ticks: Real[np.ndarray, " tick"],
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "tick point subtask"],
    mean: Real[np.ndarray, "tick point"],
    *,
    at: float | int,
    over: float | int,
    less: Callable[..., float],
) -> float:
    """What `less` finds at one tick of a swept key, less what it finds at another, `over`; NaN where one is missing."""
    chosen = [np.isclose(ticks, tick) for tick in (at, over)]
    if not all(own.any() for own in chosen):
        return math.nan
    found = [less(x, ranks, losses[own][0], mean[own][0]) for own in chosen]
    return found[0] - found[1]
