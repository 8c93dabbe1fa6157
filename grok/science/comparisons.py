"""Comparing the points of a sweep with one another.

NaN where the sweep lacks a point that is asked for. Where one has no finite value, as a step that never came, what is
compared with it is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Real


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
