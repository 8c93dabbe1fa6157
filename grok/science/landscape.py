"""The reduced landscape and what it predicts: the LU mechanism (Liu et al. 2023, Omnigrok, Secs. 2 – 4).

A network held at the norm w = α ‖w₀‖ of all its weights is trained, and what it comes to is a function of α: the
training loss is high below some norm and low above it (an L), the test loss is low around one norm w_c alone (a U). A
network that starts above w_c fits its training data where it stands, and generalises when weight decay has shrunk it to
w_c. Norms are given as α, by the norm of the usual initialisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Real

from grok.science.curves import crossing, rises_to, settled
from grok.science.straight_line import straight_line

CriticalNorm = Callable[[Real[np.ndarray, " norm"], Real[np.ndarray, " norm"]], float]


def least_error(steps: Real[np.ndarray, " look"], accuracy: Real[np.ndarray, " look"]) -> float:
    """The share of wrong examples at the look where it is smallest: the best over the run, as in the reference."""
    return float(1 - accuracy.max())


def lowest_norm(scales: Real[np.ndarray, " norm"], losses: Real[np.ndarray, " norm"], *, logarithmic: bool) -> float:
    """w_c: the norm at which the loss is lowest, between the norms of the grid.

    The lowest point of the parabola through the lowest of the points and its neighbours, over ln α; of ln loss where
    `logarithmic`. NaN where a point has no finite value, or the lowest lies at an end of the grid, which does not
    enclose it.
    """
    heights = _heights(losses, logarithmic)
    lowest = int(np.argmin(heights)) if np.isfinite(heights).all() else 0
    if lowest in (0, scales.size - 1):
        return math.nan
    x = np.log(scales[lowest - 1 : lowest + 2].astype(float))
    curvature, slope, _ = np.polyfit(x - x[1], heights[lowest - 1 : lowest + 2], 2)
    return math.exp(x[1] - slope / (2 * curvature))


def middle_of_lowest(scales: Real[np.ndarray, " norm"], losses: Real[np.ndarray, " norm"], *, within: float) -> float:
    """The middle of the norms at which the loss is lowest, where what is `within` of the least counts as equal to it.

    Halfway over ln α between the first and the last of them: which of them has the least does not matter. NaN where a
    point has no finite value, or an end of the grid is one of them.
    """
    lowest = np.flatnonzero(losses <= losses.min() + within)
    if not np.isfinite(losses).all() or lowest[0] == 0 or lowest[-1] == scales.size - 1:
        return math.nan
    return math.sqrt(scales[lowest[0]] * scales[lowest[-1]])


def depth(scales: Real[np.ndarray, " norm"], losses: Real[np.ndarray, " norm"]) -> float:
    """How far the U rises above its lowest point at the end of the grid where it rises less; 0 where there is none."""
    return float(min(losses[0], losses[-1]) - losses.min())


def fits_from(scales: Real[np.ndarray, " norm"], losses: Real[np.ndarray, " norm"], *, level: float) -> float:
    """Where the L is low: the smallest norm of the grid from which the loss is at most the level at all larger norms.

    Infinite where it is above it at the largest.
    """
    return settled(scales, losses <= level)


def goldilocks_edge(scales: Real[np.ndarray, " norm"], accuracy: Real[np.ndarray, " norm"], *, level: float) -> float:
    """The upper edge of the norms that generalise: where the accuracy falls below the level for good.

    Interpolated over ln α between the largest norm of the grid at which the accuracy is at the level and the next. NaN
    where that is the last norm, or none.
    """
    reached = np.flatnonzero(accuracy >= level)
    if not reached.size or reached[-1] == scales.size - 1:
        return math.nan
    return math.exp(crossing(np.log(scales.astype(float)), accuracy, int(reached[-1]) + 1, level))


def given_norm(scales: Real[np.ndarray, " norm"], landscape: Real[np.ndarray, " norm"], *, norm: float) -> float:
    """A w_c that is known already, as a published one, whatever the landscape."""
    return norm


def predicted_steps(
    ratio: Real[np.ndarray, "*#batch"] | float, shrink: Real[np.ndarray, "*#batch"] | float
) -> Float[np.ndarray, "*any"]:
    """The optimiser steps in which weight decay alone takes the norm from w₀ to w_c, `ratio` = w₀ / w_c.

    AdamW multiplies the weights by 1 − ηγ in each step, `shrink` = ηγ; so t = ln(w₀ / w_c) / −ln(1 − ηγ), which the
    paper has as ln(w₀ / w_c) / γ in time of its own (Sec. 4.1). 0 for a network that starts below w_c.
    """
    return np.asarray(np.log(np.maximum(ratio, 1.0)) / -np.log1p(-np.asarray(shrink, dtype=float)))


def prediction_error(
    scales: Real[np.ndarray, " norm"],
    decays: Real[np.ndarray, " decay"],
    landscape: Real[np.ndarray, "norm decay"],
    steps: Real[np.ndarray, "norm decay"],
    *,
    lr: float,
    from_scale: float,
    to_scale: float,
    critical: CriticalNorm,
) -> float:
    """By which factor the predicted step of generalisation is wrong, at the network where it is worst: 1 is exact.

    The column at decay 0 is the landscape, of networks held at their norms; what of it is to be given depends on how
    `critical` finds its w_c: test losses for `lowest_norm`, test accuracies for `goldilocks_edge`. The other columns
    are of free networks, and their `steps` are when they generalised; those count that start at norms from `from_scale`
    to `to_scale`. Infinite where one never did, NaN where the landscape has no w_c or no network starts there.
    """
    needed, taken = _shrinking(scales, decays, landscape, steps, lr, from_scale, to_scale, critical)
    if not needed.size or np.isnan(needed).any():
        return math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = np.abs(np.log(taken / needed))
    return float(np.exp(wrong.max())) if np.isfinite(wrong).all() else math.inf


def shrinking_slope(
    scales: Real[np.ndarray, " norm"],
    decays: Real[np.ndarray, " decay"],
    landscape: Real[np.ndarray, "norm decay"],
    steps: Real[np.ndarray, "norm decay"],
    *,
    lr: float,
    from_scale: float,
    to_scale: float,
    critical: CriticalNorm,
) -> float:
    """How much longer networks shrink before they generalise, by how much further they start from w_c: 1 by the law.

    The slope of the straight line of −ln(1 − ηγ) t against ln(w₀ / w_c); arguments and what is no number are those of
    `prediction_error`.
    """
    needed, taken = _shrinking(scales, decays, landscape, steps, lr, from_scale, to_scale, critical)
    if not needed.size or np.isnan(needed).any():
        return math.nan
    return float(straight_line(needed, taken).slope) if np.isfinite(taken).all() else math.inf


def critical_fraction(
    scales: Real[np.ndarray, " norm"],
    fractions: Real[np.ndarray, " fraction"],
    accuracy: Real[np.ndarray, "norm fraction"],
    *,
    level: float,
) -> float:
    """The share of the data from which a network generalises at its best norm: where the best accuracy of all norms
    rises to the level for good, as `rises_to` has it (Omnigrok, App. B)."""
    return rises_to(fractions, accuracy.max(0), level=level)


def _heights(losses: Real[np.ndarray, " norm"], logarithmic: bool) -> Float[np.ndarray, " norm"]:
    with np.errstate(divide="ignore"):
        return np.log(losses) if logarithmic else losses.astype(float)


def _shrinking(
    scales: Real[np.ndarray, " norm"],
    decays: Real[np.ndarray, " decay"],
    landscape: Real[np.ndarray, "norm decay"],
    steps: Real[np.ndarray, "norm decay"],
    lr: float,
    from_scale: float,
    to_scale: float,
    critical: CriticalNorm,
) -> tuple[Float[np.ndarray, " free"], Float[np.ndarray, " free"]]:
    """By how much in ln w free networks are to shrink to w_c, and by how much decay alone had when they generalised."""
    free, started = decays > 0, (scales >= from_scale * (1 - 1e-9)) & (scales <= to_scale * (1 + 1e-9))
    norm = critical(scales, landscape[:, ~free][:, 0])
    taken = steps[started][:, free] * -np.log1p(-lr * decays[free])
    needed = np.broadcast_to(np.log(scales[started] / norm)[:, None], taken.shape)
    return needed.ravel(), taken.ravel()
