"""Power laws y = c x^k through measured points."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.stats import t

from grok.science.statistics.linear_fit import linear_fit


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

    NaN if a point in the range has no positive finite y, because a missing point would bias the fit. NaN if the range
    has fewer than two points.
    """
    within = _within(x, from_x, to_x)
    return float(linear_fit(*_logarithms(x[within], y[within])).slope) if _can_fit(x[within], y[within]) else math.nan


def r_squared(
    x: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    from_x: float | int = 0.0,
    to_x: float | int = np.inf,
) -> float:
    """R² of the line through the logarithms, by the rule of `exponent`: 1 if the points lie on a power law."""
    within = _within(x, from_x, to_x)
    if not _can_fit(x[within], y[within]):
        return math.nan
    return float(linear_fit(*_logarithms(x[within], y[within])).r_squared)


def power_law(
    x: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    groups: Int[np.ndarray, " point"],
    from_x: float | int = 0.0,
    to_x: float | int = np.inf,
) -> PowerLaw:
    """The power law through the pooled points of all seeds, with Student's 95 % interval of its exponent.

    The fit follows the rule of `exponent` (Michaud et al. 2023, notebook scaling-exp-vs-zipf-exp). The points are not
    resampled: evaluations of one run are not independent, and three seeds are too few. The interval is ± t s / √n. Each
    of the n groups of points is one seed. s is the standard deviation of the groups' exponents, and t is Student's with
    n − 1 degrees of freedom. A group with fewer than two points has no exponent and does not count. With fewer than two
    groups the bounds are NaN.
    """
    within = _within(x, from_x, to_x)
    if not _can_fit(x[within], y[within]):
        return PowerLaw(*[math.nan] * 5)
    line = linear_fit(*_logarithms(x[within], y[within]))
    half_width = _half_width(x[within], y[within], groups[within])
    return PowerLaw(
        exponent=float(line.slope),
        low=float(line.slope) - half_width,
        high=float(line.slope) + half_width,
        coefficient=math.exp(line.intercept),
        r_squared=float(line.r_squared),
    )


def interpolate_at_multiples(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, every: int | float
) -> tuple[Real[np.ndarray, " multiple"], Float[np.ndarray, " multiple"]]:
    """The multiples of `every` within the range of x, and the curve there, interpolated linearly in logarithms.

    The reference fits evaluations at evenly spaced steps; ours lie on a logarithmic grid. x must be in ascending order.
    A point at x = 0 has no logarithm and is dropped. The curve is NaN next to a point without a positive finite y.
    """
    x, y = x[x > 0], y[x > 0]
    if not x.size:
        return np.arange(0), np.array([])
    multiples = every * np.arange(math.ceil(x[0] / every - 1e-9), math.floor(x[-1] / every + 1e-9) + 1)
    known = np.where(np.isfinite(y) & (y > 0), y, np.nan)
    return multiples, np.exp(np.interp(np.log(multiples), *_logarithms(x, known)))


def _within(x: Real[np.ndarray, " point"], from_x: float | int, to_x: float | int) -> Bool[np.ndarray, " point"]:
    """Which points are in the range; both ends are included despite rounding."""
    within: np.ndarray = (x >= from_x * (1 - 1e-9)) & (x <= to_x * (1 + 1e-9))
    return within


def _can_fit(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]) -> bool:
    """Whether the points have at least two different x, and all y are positive and finite."""
    return np.unique(x).size > 1 and bool((np.isfinite(y) & (y > 0)).all())


def _logarithms(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    return np.log(x.astype(float)), np.log(y.astype(float))


def _half_width(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], groups: Int[np.ndarray, " point"]
) -> float:
    """Half the width of Student's 95 % interval of the exponent over the groups; NaN for fewer than two exponents."""
    exponents = np.array([exponent(x[groups == group], y[groups == group]) for group in np.unique(groups)])
    exponents = exponents[np.isfinite(exponents)]
    if exponents.size < 2:
        return math.nan
    return float(t.ppf(0.975, exponents.size - 1) * exponents.std(ddof=1) / math.sqrt(exponents.size))
