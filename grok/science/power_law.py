"""Power laws y = c x^k through measured points."""

from __future__ import annotations

import numpy as np
from jaxtyping import Real


def exponent(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, from_x: float = 0.0, to_x: float = np.inf
) -> float:
    """The exponent k of the power law through the points with `from_x` ≤ x ≤ `to_x`, by least squares in logarithms.

    NaN where a point in the range has no positive finite y, or there are fewer than two: a point that is missing would
    bend the law.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    within = (x >= from_x * (1 - 1e-9)) & (x <= to_x * (1 + 1e-9))
    if within.sum() < 2 or not (np.isfinite(y[within]) & (y[within] > 0)).all():
        return float("nan")
    slope, _ = np.polyfit(np.log(x[within]), np.log(y[within]), 1)
    return float(slope)
