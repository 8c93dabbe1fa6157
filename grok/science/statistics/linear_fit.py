"""Straight lines through points, by least squares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real


class LinearFit(NamedTuple):
    """y = intercept + slope x, and R², the share of the variance of y that the line explains (NaN if y is constant)."""

    slope: Float[np.ndarray, "*batch"]
    intercept: Float[np.ndarray, "*batch"]
    r_squared: Float[np.ndarray, "*batch"]


def linear_fit(x: Real[np.ndarray, " point"], y: Real[np.ndarray, "*batch point"]) -> LinearFit:
    """The least-squares line through the points; NaN if all points have the same x."""
    x_centered = x - x.mean()
    y_mean = y.mean(-1)
    s_xx, s_xy = x_centered @ x_centered, (y - y_mean[..., None]) @ x_centered
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.asarray(s_xy / s_xx)
        r_squared = slope * s_xy / np.square(y - y_mean[..., None]).sum(-1)
    return LinearFit(slope, np.asarray(y_mean - slope * x.mean()), np.asarray(r_squared))
