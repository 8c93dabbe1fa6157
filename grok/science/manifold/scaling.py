"""Exponents of the loss by the dimension d of the data manifold (Sharma & Kaplan 2022; Bahri et al. 2024).

A network of N parameters, or D examples, resolves a d-dimensional manifold in N or D cells, which are N^−1/d wide. The
squared error of a piecewise linear function is the fourth power of the width: L ∝ N^−4/d. For less smooth functions it
is the second power: L ∝ N^−2/d.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Real

from grok.science.statistics import power_law

Dims = Real[np.ndarray, " d"]
Points = Real[np.ndarray, " point"]
Curves = Real[np.ndarray, "d point"]


def exponents(x: Points, losses: Curves, sizes: Curves | None = None) -> Float[np.ndarray, " d"]:
    """α in L ∝ size^−α at each d; the sizes are x, or those given."""
    sizes = np.broadcast_to(x, losses.shape) if sizes is None else sizes
    return np.array([-power_law.exponent(size, loss) for size, loss in zip(sizes, losses, strict=True)])


def lowest_r_squared(dims: Dims, x: Points, losses: Curves, *sizes: Curves) -> float:
    """The lowest R² over d of the line through the logarithms: 1 if each loss is a power law."""
    own = sizes[0] if sizes else np.broadcast_to(x, losses.shape)
    return min(power_law.r_squared(size, loss) for size, loss in zip(own, losses, strict=True))


def dimension_exponent(dims: Dims, x: Points, losses: Curves, *sizes: Curves) -> float:
    """k in α ∝ d^k: −1 if the exponents are inverse to the dimension."""
    return power_law.exponent(dims, exponents(x, losses, *sizes))


def worst_factor(dims: Dims, x: Points, losses: Curves, *sizes: Curves, numerator: float | int) -> float:
    """The largest factor over d, in either direction, between α and `numerator` / d; infinite if a loss rises."""
    ratio = exponents(x, losses, *sizes) * dims / numerator
    return float(np.exp(np.abs(np.log(ratio)).max())) if (ratio > 0).all() else math.inf
