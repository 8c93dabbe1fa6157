"""Power laws y = c x^k through measured points."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from grok.science.straight_line import straight_line

N_RESAMPLES = 9_999  # as for the intervals of means


class PowerLaw(NamedTuple):
    """y = c x^k with the 95 % interval of k, and R² of the line through the logarithms."""

    exponent: float
    low: float
    high: float
    coefficient: float
    r_squared: float


def exponent(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, from_x: float = 0.0, to_x: float = np.inf
) -> float:
    """The exponent k of the power law through the points with `from_x` ≤ x ≤ `to_x`, by least squares in logarithms.

    NaN where a point in the range has no positive finite y, or there are fewer than two: a point that is missing would
    bend the law.
    """
    within = _within(x, from_x, to_x)
    return (
        float(straight_line(*_logarithms(x[within], y[within])).slope) if _defined(x[within], y[within]) else math.nan
    )


def r_squared(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, from_x: float = 0.0, to_x: float = np.inf
) -> float:
    """R² of the line through the logarithms, by the rule of `exponent`: 1 where the points lie on a power law."""
    within = _within(x, from_x, to_x)
    if not _defined(x[within], y[within]):
        return math.nan
    return float(straight_line(*_logarithms(x[within], y[within])).r_squared)


def power_law(
    x: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    groups: Int[np.ndarray, " point"] | None = None,
    from_x: float = 0.0,
    to_x: float = np.inf,
) -> PowerLaw:
    """The power law through the points of all seeds pooled, by the rule of `exponent` (Michaud et al. 2023, notebook
    scaling-exp-vs-zipf-exp), with the percentile bootstrap interval of its exponent (Efron 1979).

    What is drawn again, 9,999 times from a fixed stream, are whole groups of points, for the looks of one run are not
    independent: one group a seed there, and None, each point for itself, where each comes from a run of its own. Draws
    that have one x alone have no exponent and do not count. One group has no interval.
    """
    within = _within(x, from_x, to_x)
    if not _defined(x[within], y[within]):
        return PowerLaw(*[math.nan] * 5)
    log_x, log_y = _logarithms(x[within], y[within])
    line = straight_line(log_x, log_y)
    labels = np.arange(log_x.size) if groups is None else groups[within]
    drawn = _drawn_slopes(log_x - log_x.mean(), log_y - log_y.mean(), labels)
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn.size else (math.nan, math.nan)
    return PowerLaw(
        exponent=float(line.slope),
        low=float(low),
        high=float(high),
        coefficient=math.exp(line.intercept),
        r_squared=float(line.r_squared),
    )


def _within(x: Real[np.ndarray, " point"], from_x: float, to_x: float) -> Bool[np.ndarray, " point"]:
    """Both ends count, whatever rounding does to them."""
    within: np.ndarray = (x >= from_x * (1 - 1e-9)) & (x <= to_x * (1 + 1e-9))
    return within


def _defined(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]) -> bool:
    return np.unique(x).size > 1 and bool((np.isfinite(y) & (y > 0)).all())


def _logarithms(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    return np.log(x.astype(float)), np.log(y.astype(float))


def _drawn_slopes(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"], groups: Int[np.ndarray, " point"]
) -> Float[np.ndarray, " drawn"]:
    """The slopes of the lines through groups of points drawn with replacement; none where there is one group."""
    names, group = np.unique(groups, return_inverse=True)
    if names.size < 2:
        return np.array([])
    moments = np.stack([np.bincount(group, moment) for moment in (np.ones_like(x), x, y, x * x, x * y)], axis=1)
    draws = np.random.default_rng(0).multinomial(names.size, np.full(names.size, 1 / names.size), size=N_RESAMPLES)
    n, sum_x, sum_y, sum_xx, sum_xy = (draws @ moments).T
    variance = sum_xx / n - np.square(sum_x / n)
    spread = variance > 1e-9 * np.square(x).mean()
    slopes: np.ndarray = (sum_xy / n - sum_x * sum_y / n**2)[spread] / variance[spread]
    return slopes
