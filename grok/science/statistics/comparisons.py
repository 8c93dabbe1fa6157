"""Comparisons between the points of a sweep.

The result is NaN if the sweep lacks a requested point. It is infinite if a compared point has no finite value, for
example a step that was never reached.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Real, Shaped
from scipy.stats import spearmanr


def mean(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The mean over all points."""
    return float(y.mean())


def median(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The median over all finite points; NaN without one."""
    finite = y[np.isfinite(y)]
    return float(np.median(finite)) if finite.size else math.nan


def value_at_tick(x: Shaped[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, tick: float | str) -> float:
    """The value at a tick of the swept axis, a number or a text."""
    matches = np.flatnonzero(x == tick if isinstance(tick, str) else np.isclose(x, tick, rtol=1e-9))
    return float(y[matches[0]]) if matches.size else math.nan


def ratio(
    x: Shaped[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, numerator: float | str, denominator: float | str
) -> float:
    """The value at the tick `numerator` divided by the value at the tick `denominator`."""
    above, below = value_at_tick(x, y, tick=numerator), value_at_tick(x, y, tick=denominator)
    return above / below if math.isfinite(below) else above + below


def difference(value: Real[np.ndarray, ""], other: Real[np.ndarray, ""]) -> float:
    """One number minus another."""
    return float(value - other)


def max_over_min(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The largest value divided by the smallest."""
    return float(y.max() / y.min()) if np.isfinite(y).all() else math.inf


def max_step_ratio(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The largest ratio of a value to the value before it; below 1 if the values always fall."""
    return float((y[1:] / y[:-1]).max()) if np.isfinite(y).all() else math.inf


def median_factor(
    x: Real[np.ndarray, " x"],
    y: Real[np.ndarray, " y"],
    values: Real[np.ndarray, "x y"],
    *,
    published: Sequence[Sequence[float | int]],
) -> float:
    """The median factor, in either direction, between a grid and published values [x, y, value]; 1 if all agree.

    The factor of a cell without a finite value is infinite.
    """
    ours, theirs = _match_published(x, y, values, published)
    with np.errstate(divide="ignore"):
        return float(np.median(np.exp(np.abs(np.log(ours / theirs)))))


def max_abs_difference(
    x: Real[np.ndarray, " x"],
    y: Real[np.ndarray, " y"],
    values: Real[np.ndarray, "x y"],
    *,
    published: Sequence[Sequence[float | int]],
) -> float:
    """The largest absolute difference between a grid and published values [x, y, value].

    Infinite if one of the cells has no finite value.
    """
    ours, theirs = _match_published(x, y, values, published)
    return float(np.abs(ours - theirs).max())


def share_within(
    x: Real[np.ndarray, " x"],
    y: Real[np.ndarray, " y"],
    values: Real[np.ndarray, "x y"],
    *,
    published: Sequence[Sequence[float | int]],
    distance: float,
) -> float:
    """The share of published values [x, y, value] that differ from the grid by at most `distance`."""
    ours, theirs = _match_published(x, y, values, published)
    return math.nan if np.isnan(ours).any() else float((np.abs(ours - theirs) <= distance).mean())


def share_never_reached(
    x: Real[np.ndarray, " x"],
    y: Real[np.ndarray, " y"],
    values: Real[np.ndarray, "x y"],
    *,
    cells: Sequence[Sequence[float | int]],
) -> float:
    """The share of the given grid cells [x, y] without a finite value: for steps, the share that was never reached."""
    ours, _ = _match_published(x, y, values, [[*cell, 0] for cell in cells])
    return math.nan if np.isnan(ours).any() else float(np.isinf(ours).mean())


def mean_difference(
    rows: np.ndarray,
    columns: np.ndarray,
    values: Real[np.ndarray, "row column"],
    *,
    chosen: Sequence[str | int],
    reference: Sequence[str | int],
) -> float:
    """The mean over the `chosen` rows of a grid minus the mean over the `reference` rows."""
    if not {*chosen, *reference} <= {*rows.tolist()}:
        return math.nan
    first, second = (values[np.isin(rows, [*names])] for names in (chosen, reference))
    return float(first.mean() - second.mean())


def mean_absolute_difference(x: np.ndarray, y: Real[np.ndarray, " point"], other: Real[np.ndarray, " point"]) -> float:
    """The mean absolute difference of two quantities over all points."""
    return float(np.abs(y - other).mean())


def max_difference(x: np.ndarray, y: Real[np.ndarray, " point"], other: Real[np.ndarray, " point"]) -> float:
    """The largest absolute difference of two quantities over all points."""
    return float(np.abs(y - other).max())


def max_excess(
    x: np.ndarray, seeds: np.ndarray, y: Real[np.ndarray, "point seed"], bound: Real[np.ndarray, "point seed"]
) -> float:
    """The largest excess of a quantity over its bound: the mean over seeds, then the maximum over points.

    The excess of a value below its bound is 0.
    """
    return float(np.maximum(y - bound, 0).mean(1).max())


def share_finite(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, from_x: float, to_x: float) -> float:
    """The share of finite values at `from_x` ≤ x ≤ `to_x`: for steps, the share that was reached."""
    within = (x >= from_x) & (x <= to_x)
    return float(np.isfinite(y[within]).mean()) if within.any() else math.nan


def first_finite(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]) -> float:
    """The first tick with a finite value; infinite if no value is finite."""
    finite = np.flatnonzero(np.isfinite(y))
    return float(x[finite[0]]) if finite.size else math.inf


def rank_correlation(x: np.ndarray, y: Real[np.ndarray, " point"], other: Real[np.ndarray, " point"]) -> float:
    """Spearman's correlation of two quantities, over the points at which both are finite.

    NaN for fewer than three points, or if a quantity is constant.
    """
    both = np.isfinite(y) & np.isfinite(other)
    if both.sum() < 3 or np.ptp(y[both]) == 0 or np.ptp(other[both]) == 0:
        return math.nan
    return float(spearmanr(y[both], other[both]).statistic)


def _match_published(
    x: Real[np.ndarray, " x"],
    y: Real[np.ndarray, " y"],
    values: Real[np.ndarray, "x y"],
    published: Sequence[Sequence[float | int]],
) -> tuple[Float[np.ndarray, " cell"], Float[np.ndarray, " cell"]]:
    """The grid's values at the cells of published values [x, y, value], and the published values.

    A grid value that is not finite becomes infinite; a cell that the grid lacks becomes NaN.
    """
    ours = []
    for at_x, at_y, _ in published:
        column, row = (np.flatnonzero(np.isclose(ticks, tick)) for ticks, tick in ((x, at_x), (y, at_y)))
        cell = values[np.ix_(column, row)]
        ours.append(np.where(np.isfinite(cell), cell, np.inf).item() if cell.size else math.nan)
    return np.array(ours), np.array([value for *_, value in published], dtype=float)
