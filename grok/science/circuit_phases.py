"""Memorisation, circuit formation, cleanup: the phases of Nanda et al. 2023 (Sec. 5.2), read off curves over steps.

They read theirs off a figure. The rule here: memorisation lasts until the excluded loss, which falls with the training
loss as long as the network learns by heart, is lowest; circuit formation until the knee of the test loss, where its
slow decline turns into the sudden drop; cleanup until the test loss stays under the threshold.

The `lead` of one curve over another is between their half-way steps (`halfway_down`, `halfway_up`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Real

from grok.science.delay import first_at, settled_at

LEARNED = 0.1  # nats; a loss below it counts as learned
PHASES = ("memorisation", "circuit formation", "cleanup")
LEAST_CHANGE = 10.0  # a loss that changes by a smaller factor has neither fallen nor risen, it is noise


class CircuitPhases(NamedTuple):
    """The steps at which memorisation, circuit formation and cleanup end; None for one that does not."""

    memorization_ends: int | None
    formation_ends: int | None
    cleanup_ends: int | None


def circuit_phases(
    steps: Int[np.ndarray, " look"],
    *,
    train_loss: Real[np.ndarray, " look"],
    test_loss: Real[np.ndarray, " look"],
    excluded_loss: Real[np.ndarray, " look"],
    threshold: float,
) -> CircuitPhases:
    """The ends of the three phases; a loss under the threshold counts as learned."""
    cleaned = settled_at(steps, -test_loss, -threshold)
    dropping = None if cleaned is None else knee(steps, test_loss, until=cleaned)
    memorized = first_at(steps, -train_loss, -threshold)
    if memorized is None:
        return CircuitPhases(None, dropping, cleaned)
    during = (steps >= memorized) & (steps <= (steps[-1] if dropping is None else max(dropping, memorized)))
    lowest = np.argmin(np.where(during, np.nan_to_num(excluded_loss, nan=np.inf), np.inf))
    return CircuitPhases(int(steps[lowest]) if during[lowest] else memorized, dropping, cleaned)


def knee(steps: Int[np.ndarray, " look"], loss: Real[np.ndarray, " look"], *, until: int) -> int:
    """Where the fall from the loss's largest value to its value at the step `until` turns sudden.

    The look that lies highest above the chord between the two, in the logarithm of the loss (the triangle rule of
    Zack et al. 1977).
    """
    before = steps <= until
    x, y = steps[before].astype(float), _log(loss[before])
    peak = int(np.argmax(y))
    x, y = x[peak:], y[peak:]
    chord = np.interp(x, x[[0, -1]], y[[0, -1]])
    return int(x[np.argmax(np.round(y - chord, 9))])  # the first of equals, not the one that rounding lifts


def halfway_down(steps: Int[np.ndarray, " look"], loss: Real[np.ndarray, " look"], *, after: int) -> int | None:
    """The first step at which the loss is down to half-way, in its logarithm, from its largest value to the smallest
    that comes later; of looks from the step `after` on. None where it does not fall by a factor of ten.
    """
    late = steps >= after
    x, y = steps[late], _log(loss[late])
    if not y.size:
        return None
    peak = int(np.argmax(y))
    x, y = x[peak:], y[peak:]
    if y[0] - y.min() < np.log(LEAST_CHANGE):
        return None
    return int(x[np.argmax(y <= (y[0] + y.min()) / 2)])


def halfway_up(steps: Int[np.ndarray, " look"], loss: Real[np.ndarray, " look"], *, after: int) -> int | None:
    """The same of a rise: half-way from the smallest value to the largest that comes later."""
    return halfway_down(steps, 1 / np.maximum(loss, np.finfo(float).tiny), after=after)


def lead(
    steps: Int[np.ndarray, " look"],
    train_loss: Real[np.ndarray, " look"],
    progress: Real[np.ndarray, " look"],
    test_loss: Real[np.ndarray, " look"],
    *,
    rising: bool,
    threshold: float,
) -> float:
    """Steps by which a progress measure is half-way to where it goes before the test loss is half-way down.

    Half-way in the logarithm, of looks after the training loss is under the threshold. Negative: it came later; NaN:
    one of them has not moved by a factor of ten.
    """
    memorized = first_at(steps, -train_loss, -threshold)
    if memorized is None:
        return float("nan")
    early = (halfway_up if rising else halfway_down)(steps, progress, after=memorized)
    late = halfway_down(steps, test_loss, after=memorized)
    return float("nan") if early is None or late is None else float(late - early)


def _log(loss: Real[np.ndarray, " look"]) -> Real[np.ndarray, " look"]:
    logarithm: np.ndarray = np.log(np.maximum(loss, np.finfo(float).tiny))
    return logarithm
