"""Ends of memorization, circuit formation and cleanup (Nanda et al. 2023, Sec. 5.2), computed from curves over steps.

The paper reads the phases off a figure. The rules here:
- Memorization ends at the minimum of the excluded loss. While the network memorizes, this loss falls with the training
  loss.
- Circuit formation ends at the knee of the test loss, where its slow decline turns into the sudden drop.
- Cleanup ends when the test loss stays below the threshold.

The `lead` of one curve over another is the number of steps between their halfway steps (`halfway_down`, `halfway_up`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Real

from grok.science.statistics.delay import first_at, settled_at

LEARNED_LOSS = 0.1  # nats; a loss below it counts as learned
CIRCUIT_PHASES = ("memorization", "circuit formation", "cleanup")
MIN_CHANGE_FACTOR = 10.0  # a smaller change of a loss is noise, neither a fall nor a rise


class CircuitPhases(NamedTuple):
    """Steps at which memorization, circuit formation and cleanup end; None for a phase that does not end."""

    memorization_ends: int | None
    formation_ends: int | None
    cleanup_ends: int | None


def circuit_phases(
    steps: Int[np.ndarray, " step"],
    *,
    train_loss: Real[np.ndarray, " step"],
    test_loss: Real[np.ndarray, " step"],
    excluded_loss: Real[np.ndarray, " step"],
    threshold: float,
) -> CircuitPhases:
    """Ends of the three phases; a loss below the threshold counts as learned."""
    cleanup_ends = settled_at(steps, -test_loss, -threshold)
    formation_ends = None if cleanup_ends is None else knee(steps, test_loss, until=cleanup_ends)
    memorized = first_at(steps, -train_loss, -threshold)
    if memorized is None:
        return CircuitPhases(None, formation_ends, cleanup_ends)
    until = steps[-1] if formation_ends is None else max(formation_ends, memorized)
    candidates = (steps >= memorized) & (steps <= until)
    lowest = np.argmin(np.where(candidates, np.nan_to_num(excluded_loss, nan=np.inf), np.inf))
    memorization_ends = int(steps[lowest]) if candidates[lowest] else memorized
    return CircuitPhases(memorization_ends, formation_ends, cleanup_ends)


def knee(steps: Int[np.ndarray, " step"], loss: Real[np.ndarray, " step"], *, until: int) -> int:
    """Step at which the loss starts to fall suddenly, between its maximum and the step `until`.

    At this evaluation step the log loss is highest above the chord between the two (triangle rule, Zack et al. 1977).
    """
    before = steps <= until
    x, y = steps[before].astype(float), _log(loss[before])
    peak = int(np.argmax(y))
    x, y = x[peak:], y[peak:]
    chord = np.interp(x, x[[0, -1]], y[[0, -1]])
    return int(x[np.argmax(np.round(y - chord, 9))])  # rounded, so that the first of equal heights is the maximum


def halfway_down(steps: Int[np.ndarray, " step"], loss: Real[np.ndarray, " step"], *, after: int) -> int | None:
    """First step at which the log loss is halfway from its maximum to the minimum that follows.

    Only evaluation steps from the step `after` on count. None if the loss falls by less than a factor of ten.
    """
    late = steps >= after
    x, y = steps[late], _log(loss[late])
    if not y.size:
        return None
    peak = int(np.argmax(y))
    x, y = x[peak:], y[peak:]
    if y[0] - y.min() < np.log(MIN_CHANGE_FACTOR):
        return None
    return int(x[np.argmax(y <= (y[0] + y.min()) / 2)])


def halfway_up(steps: Int[np.ndarray, " step"], loss: Real[np.ndarray, " step"], *, after: int) -> int | None:
    """First step at which the log loss is halfway from its minimum to the maximum that follows.

    The conditions are those of `halfway_down`.
    """
    return halfway_down(steps, 1 / np.maximum(loss, np.finfo(float).tiny), after=after)


def lead(
    steps: Int[np.ndarray, " step"],
    train_loss: Real[np.ndarray, " step"],
    progress: Real[np.ndarray, " step"],
    test_loss: Real[np.ndarray, " step"],
    *,
    rising: bool,
    threshold: float,
) -> float:
    """Steps from the halfway step of a progress measure to the halfway step of the test loss.

    Half-way is in the logarithm, over the evaluation steps after the training loss is below the threshold. Negative if
    the test loss is first. NaN if a curve changes by less than a factor of ten or the training loss stays above.
    """
    memorized = first_at(steps, -train_loss, -threshold)
    if memorized is None:
        return float("nan")
    early = (halfway_up if rising else halfway_down)(steps, progress, after=memorized)
    late = halfway_down(steps, test_loss, after=memorized)
    return float("nan") if early is None or late is None else float(late - early)


def _log(loss: Real[np.ndarray, " step"]) -> Real[np.ndarray, " step"]:
    logarithm: np.ndarray = np.log(np.maximum(loss, np.finfo(float).tiny))
    return logarithm
