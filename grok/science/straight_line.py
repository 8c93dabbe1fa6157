"""Straight lines through points, by least squares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real


class Line(NamedTuple):
    """y = intercept + slope x, and the share of the variance of y that it explains (NaN where y is constant)."""

    slope: Float[np.ndarray, "*batch"]
    intercept: Float[np.ndarray, "*batch"]
    r_squared: Float[np.ndarray, "*batch"]


def straight_line(x: Real[np.ndarray, " point"], y: Real[np.ndarray, "*batch point"]) -> Line:
    """The line of least squares through the points; NaN where they have one x alone."""
    from_mean = x - x.mean()
    centre = y.mean(-1)
    across, along = from_mean @ from_mean, (y - centre[..., None]) @ from_mean
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.asarray(along / across)
        r_squared = slope * along / np.square(y - centre[..., None]).sum(-1)
    return Line(slope, np.asarray(centre - slope * x.mean()), np.asarray(r_squared))
