"""The reduced landscape and its prediction, the LU mechanism (Liu et al. 2023, Omnigrok, Secs. 2 – 4).

Networks train at a fixed norm w = α ‖w₀‖ of all weights, and their final losses are functions of α. The training loss
is high below some norm and low above it (an L). The test loss is low only around one norm w_c (a U). A network that
starts above w_c fits its training data near its initial norm. It generalizes after weight decay has shrunk its norm to
w_c. Norms are given as α, relative to the norm of the default initialization.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Real

from grok.science.statistics.curves import crossing, rises_to, settled_from
from grok.science.statistics.linear_fit import linear_fit

CriticalNorm = Callable[[Real[np.ndarray, " norm"], Real[np.ndarray, " norm"]], float]


def min_error(steps: Real[np.ndarray, " step"], accuracy: Real[np.ndarray, " step"]) -> float:
    """The smallest share of wrong examples over all evaluations of a run, as in the reference code."""
    return float(1 - accuracy.max())


def norm_of_lowest_loss(
    scales: Real[np.ndarray, " norm"], losses: Real[np.ndarray, " norm"], *, logarithmic: bool
) -> float:
    """w_c: the norm with the lowest loss, interpolated between the norms of the grid.

    It is the minimum of a parabola over ln α, through the lowest point and its two neighbors. If `logarithmic`, the
    parabola is fitted to ln loss. NaN if a value is not finite, or if the lowest point is at an end of the grid.
    """
    heights = _heights(losses, logarithmic)
    lowest = int(np.argmin(heights)) if np.isfinite(heights).all() else 0
    if lowest in (0, scales.size - 1):
        return math.nan
    x = np.log(scales[lowest - 1 : lowest + 2].astype(float))
    curvature, slope, _ = np.polyfit(x - x[1], heights[lowest - 1 : lowest + 2], 2)
    return math.exp(x[1] - slope / (2 * curvature))


def middle_of_lowest_norms(
    scales: Real[np.ndarray, " norm"], losses: Real[np.ndarray, " norm"], *, within: float
) -> float:
    """The middle of the norms with the lowest loss; a loss at most `within` above the minimum counts as the lowest.

    It is halfway over ln α between the first and the last of these norms, wherever the minimum lies between them. NaN
    if a loss is not finite, or if one of these norms is an end of the grid.
    """
    lowest = np.flatnonzero(losses <= losses.min() + within)
    if not np.isfinite(losses).all() or lowest[0] == 0 or lowest[-1] == scales.size - 1:
        return math.nan
    return math.sqrt(scales[lowest[0]] * scales[lowest[-1]])


def valley_depth(scales: Real[np.ndarray, " norm"], losses: Real[np.ndarray, " norm"]) -> float:
    """The depth of the U: the smaller of the losses at the grid's two ends, minus the lowest loss; 0 without a U."""
    return float(min(losses[0], losses[-1]) - losses.min())


def fit_onset(scales: Real[np.ndarray, " norm"], losses: Real[np.ndarray, " norm"], *, level: float) -> float:
    """The smallest norm of the grid from which the loss is at most `level` at all larger norms: the corner of the L.

    Infinite if the loss at the largest norm is above the level.
    """
    return settled_from(scales, losses <= level)


def goldilocks_edge(scales: Real[np.ndarray, " norm"], accuracy: Real[np.ndarray, " norm"], *, level: float) -> float:
    """The upper edge of the norms that generalize: the norm at which the accuracy falls below `level` for good.

    It is interpolated over ln α, from the largest norm of the grid that reaches the level to the next norm. NaN if that
    norm is the last one, or if no norm reaches the level.
    """
    reached = np.flatnonzero(accuracy >= level)
    if not reached.size or reached[-1] == scales.size - 1:
        return math.nan
    return math.exp(crossing(np.log(scales.astype(float)), accuracy, int(reached[-1]) + 1, level))


def fixed_norm(scales: Real[np.ndarray, " norm"], landscape: Real[np.ndarray, " norm"], *, norm: float) -> float:
    """A known w_c, for example a published one; the landscape is ignored."""
    return norm


def decay_steps(
    ratio: Real[np.ndarray, "*#batch"] | float, shrink: Real[np.ndarray, "*#batch"] | float
) -> Float[np.ndarray, "*any"]:
    """The optimizer steps in which weight decay alone takes the norm from w₀ to w_c; `ratio` is w₀ / w_c.

    AdamW multiplies the weights by 1 − ηγ in each step; `shrink` is ηγ. Hence t = ln(w₀ / w_c) / −ln(1 − ηγ). The paper
    has ln(w₀ / w_c) / γ in its own unit of time (Sec. 4.1). 0 for a network that starts below w_c.
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
    """The factor between the predicted and the measured step of generalization, for the worst network; 1 is exact.

    The column at decay 0 has networks held at their norms, and `critical` finds w_c in their landscape. The landscape
    must suit `critical`: test losses for `norm_of_lowest_loss`, test accuracies for `goldilocks_edge`. The other
    columns have networks with free norms, and `steps` are their steps of generalization. Only networks that start at
    norms from `from_scale` to `to_scale` count. Infinite if one of them never generalized. NaN if the landscape has no
    w_c, or if no network starts at these norms.
    """
    needed, actual = _shrinkage(scales, decays, landscape, steps, lr, from_scale, to_scale, critical)
    if not needed.size or np.isnan(needed).any():
        return math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.abs(np.log(actual / needed))
    return float(np.exp(errors.max())) if np.isfinite(errors).all() else math.inf


def shrinkage_slope(
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
    """The slope of the shrinkage before generalization, −ln(1 − ηγ) t, over the distance to w_c, ln(w₀ / w_c).

    The law predicts 1. The arguments, and the cases of NaN and infinity, are those of `prediction_error`.
    """
    needed, actual = _shrinkage(scales, decays, landscape, steps, lr, from_scale, to_scale, critical)
    if not needed.size or np.isnan(needed).any():
        return math.nan
    return float(linear_fit(needed, actual).slope) if np.isfinite(actual).all() else math.inf


def critical_fraction(
    scales: Real[np.ndarray, " norm"],
    fractions: Real[np.ndarray, " fraction"],
    accuracy: Real[np.ndarray, "norm fraction"],
    *,
    level: float,
) -> float:
    """The training fraction from which a network generalizes at its best norm (Omnigrok, App. B).

    There, the best accuracy over all norms rises to `level` for good, by the rule of `rises_to`.
    """
    return rises_to(fractions, accuracy.max(0), level=level)


def _heights(losses: Real[np.ndarray, " norm"], logarithmic: bool) -> Float[np.ndarray, " norm"]:
    """The losses or their logarithms."""
    with np.errstate(divide="ignore"):
        return np.log(losses) if logarithmic else losses.astype(float)


def _shrinkage(
    scales: Real[np.ndarray, " norm"],
    decays: Real[np.ndarray, " decay"],
    landscape: Real[np.ndarray, "norm decay"],
    steps: Real[np.ndarray, "norm decay"],
    lr: float,
    from_scale: float,
    to_scale: float,
    critical: CriticalNorm,
) -> tuple[Float[np.ndarray, " free"], Float[np.ndarray, " free"]]:
    """Two decreases of ln w for each free network: to w_c, and by weight decay alone until the network generalized."""
    free, in_range = decays > 0, (scales >= from_scale * (1 - 1e-9)) & (scales <= to_scale * (1 + 1e-9))
    norm = critical(scales, landscape[:, ~free][:, 0])
    actual = steps[in_range][:, free] * -np.log1p(-lr * decays[free])
    needed = np.broadcast_to(np.log(scales[in_range] / norm)[:, None], actual.shape)
    return needed.ravel(), actual.ravel()
