"""Comparing the points of a sweep with one another.

NaN where the sweep lacks a point that is asked for. Where one has no finite value, as a step that never came, what is
compared with it is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Real
from scipy.stats import spearmanr


def mean(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The mean of all points."""
    return float(y.mean())


def at(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, tick: float) -> float:
    """The point at a tick."""
    found = np.flatnonzero(np.isclose(x, tick, rtol=1e-9))
    return float(y[found[0]]) if found.size else math.nan


def ratio(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, of: float, to: float) -> float:
    """The point at one tick, by the point at another."""
    above, below = at(x, y, tick=of), at(x, y, tick=to)
    return above / below if math.isfinite(below) else above + below


def spread(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The largest of all points, by the smallest."""
    return float(y.max() / y.min()) if np.isfinite(y).all() else math.inf


def steepest(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The largest ratio of a point to the one before: below 1 where they fall from each to the next."""
    return float((y[1:] / y[:-1]).max()) if np.isfinite(y).all() else math.inf


def typical_factor(
    x: Real[np.ndarray, " column"],
    y: Real[np.ndarray, " row"],
    values: Real[np.ndarray, "column row"],
    *,
    published: Sequence[Sequence[float | int]],
) -> float:
    """By what factor, either way, a grid is off published values [x, y, value]: the median over these, 1 where it has
    them all. Where the grid has no value, the factor is infinite."""
    ours, theirs = _beside(x, y, values, published)
    with np.errstate(divide="ignore"):
        return float(np.median(np.exp(np.abs(np.log(ours / theirs)))))


def farthest_from(
    x: Real[np.ndarray, " column"],
    y: Real[np.ndarray, " row"],
    values: Real[np.ndarray, "column row"],
    *,
    published: Sequence[Sequence[float | int]],
) -> float:
    """How far a grid is at most from published values [x, y, value]; infinite where it has no value at one of them."""
    ours, theirs = _beside(x, y, values, published)
    return float(np.abs(ours - theirs).max())


def share_within(
    x: Real[np.ndarray, " column"],
    y: Real[np.ndarray, " row"],
    values: Real[np.ndarray, "column row"],
    *,
    published: Sequence[Sequence[float | int]],
    distance: float,
) -> float:
    """The share of published values [x, y, value] from which a grid is no farther than a distance."""
    ours, theirs = _beside(x, y, values, published)
    return math.nan if np.isnan(ours).any() else float((np.abs(ours - theirs) <= distance).mean())


def share_without(
    x: Real[np.ndarray, " column"],
    y: Real[np.ndarray, " row"],
    values: Real[np.ndarray, "column row"],
    *,
    cells: Sequence[Sequence[float | int]],
) -> float:
    """The share of some cells [x, y] of a grid that have no value: of steps, those that never came."""
    ours, _ = _beside(x, y, values, [[*cell, 0] for cell in cells])
    return math.nan if np.isnan(ours).any() else float(np.isinf(ours).mean())


def advantage(
    rows: np.ndarray,
    columns: np.ndarray,
    values: Real[np.ndarray, "row column"],
    *,
    of: Sequence[str],
    over: Sequence[str],
) -> float:
    """How much larger the mean of some rows of a grid is than that of others."""
    if not {*of, *over} <= {*rows.tolist()}:
        return math.nan
    first, second = (values[np.isin(rows, [*names])] for names in (of, over))
    return float(first.mean() - second.mean())


def mean_distance(x: np.ndarray, y: Real[np.ndarray, " point"], other: Real[np.ndarray, " point"]) -> float:
    """How far two quantities are apart in the mean over all points."""
    return float(np.abs(y - other).mean())


def most_above(
    x: np.ndarray, seeds: np.ndarray, y: Real[np.ndarray, "point seed"], bound: Real[np.ndarray, "point seed"]
) -> float:
    """By how much a quantity exceeds its bound where it does most, in the mean over seeds; below it is by nothing."""
    return float(np.maximum(y - bound, 0).mean(1).max())


def share_finite(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, from_x: float, to_x: float) -> float:
    """The share of the points with `from_x` ≤ x ≤ `to_x` that have a value: of steps, those that came."""
    within = (x >= from_x) & (x <= to_x)
    return float(np.isfinite(y[within]).mean()) if within.any() else math.nan


def first_finite(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]) -> float:
    """The first tick whose point has a value; infinite where there is none."""
    found = np.flatnonzero(np.isfinite(y))
    return float(x[found[0]]) if found.size else math.inf


def rank_correlation(x: np.ndarray, y: Real[np.ndarray, " point"], other: Real[np.ndarray, " point"]) -> float:
    """Spearman's correlation of two quantities over the points at which both have a value; NaN for fewer than three."""
    both = np.isfinite(y) & np.isfinite(other)
    if both.sum() < 3 or np.ptp(y[both]) == 0 or np.ptp(other[both]) == 0:
        return math.nan
    return float(spearmanr(y[both], other[both]).statistic)


def _beside(
    x: Real[np.ndarray, " column"],
    y: Real[np.ndarray, " row"],
    values: Real[np.ndarray, "column row"],
    published: Sequence[Sequence[float | int]],
) -> tuple[Float[np.ndarray, " cell"], Float[np.ndarray, " cell"]]:
    """A grid's values where there are published ones [x, y, value], infinite where none came, and the published ones;
    NaN where the grid lacks the cell."""
    ours = []
    for at_x, at_y, _ in published:
        column, row = (np.flatnonzero(np.isclose(ticks, tick)) for ticks, tick in ((x, at_x), (y, at_y)))
        own = values[np.ix_(column, row)]
        ours.append(np.where(np.isfinite(own), own, np.inf).item() if own.size else math.nan)
    return np.array(ours), np.array([value for *_, value in published], dtype=float)
