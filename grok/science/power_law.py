"""Power laws y = c x^k through measured points."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.stats import t

from grok.science.straight_line import straight_line


class PowerLaw(NamedTuple):
    """y = c x^k with the 95 % interval of k, and R² of the line through the logarithms."""

    exponent: float
    low: float
    high: float
    coefficient: float
    r_squared: float


def exponent(
    x: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    from_x: float | int = 0.0,
    to_x: float | int = np.inf,
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
    x: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    from_x: float | int = 0.0,
    to_x: float | int = np.inf,
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
    groups: Int[np.ndarray, " point"],
    from_x: float | int = 0.0,
    to_x: float | int = np.inf,
) -> PowerLaw:
    """The power law through the points of all seeds pooled, by the rule of `exponent` (Michaud et al. 2023, notebook
    scaling-exp-vs-zipf-exp), with Student's 95 % interval of its exponent.

    The looks of one run are not independent, and three seeds are too few to be drawn again: the interval is t s / √n to
    either side, with s the standard deviation of the exponents that the n groups of points, one for each seed, have
    alone, and t that of n − 1 degrees of freedom. A group with fewer than two points has none and does not count; fewer
    than two groups have no interval.
    """
    within = _within(x, from_x, to_x)
    if not _defined(x[within], y[within]):
        return PowerLaw(*[math.nan] * 5)
    line = straight_line(*_logarithms(x[within], y[within]))
    to_either_side = _half_interval(x[within], y[within], groups[within])
    return PowerLaw(
        exponent=float(line.slope),
        low=float(line.slope) - to_either_side,
        high=float(line.slope) + to_either_side,
        coefficient=math.exp(line.intercept),
        r_squared=float(line.r_squared),
    )


def at_multiples(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, every: int | float
) -> tuple[Real[np.ndarray, " multiple"], Float[np.ndarray, " multiple"]]:
    """The curve at the multiples of `every` that lie between its points, by straight lines between their logarithms.

    What was looked at on a logarithmic grid so becomes what the reference fits, which looks every so many steps. The
    points are in the order of x; one at 0 has no logarithm and is left out, and around one without a positive finite y
    there is none.
    """
    x, y = x[x > 0], y[x > 0]
    if not x.size:
        return np.arange(0), np.array([])
    grid = every * np.arange(math.ceil(x[0] / every - 1e-9), math.floor(x[-1] / every + 1e-9) + 1)
    known = np.where(np.isfinite(y) & (y > 0), y, np.nan)
    return grid, np.exp(np.interp(np.log(grid), *_logarithms(x, known)))


def _within(x: Real[np.ndarray, " point"], from_x: float | int, to_x: float | int) -> Bool[np.ndarray, " point"]:
    """Both ends count, whatever rounding does to them."""
    within: np.ndarray = (x >= from_x * (1 - 1e-9)) & (x <= to_x * (1 + 1e-9))
    return within


def _defined(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]) -> bool:
    return np.unique(x).size > 1 and bool((np.isfinite(y) & (y > 0)).all())


def _logarithms(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    return np.log(x.astype(float)), np.log(y.astype(float))


def _half_interval(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], groups: Int[np.ndarray, " point"]
) -> float:
    """Half of Student's 95 % interval of the exponent, from those that the groups have alone; NaN of fewer than two."""
    own = np.array([exponent(x[groups == group], y[groups == group]) for group in np.unique(groups)])
    own = own[np.isfinite(own)]
    if own.size < 2:
        return math.nan
    return float(t.ppf(0.975, own.size - 1) * own.std(ddof=1) / math.sqrt(own.size))
