"""The loss versus compute C = 6 N D: the lowest loss of networks of several sizes N, and the size that reaches it.

By the quantization model the loss is N^−α or D^−α/(1+α), whichever is larger. Both are equal at D ∝ N^(1+α), so the
lowest loss at a compute falls as C^−α/(2+α), and the best size rises as C^1/(2+α).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from grok.science.quanta.laws import fit_constant, predicted_loss_when_stopped
from grok.science.statistics.linear_fit import linear_fit

FLOPS_PER_PARAMETER = 6  # and example: two in the forward pass, four in the backward pass


class Frontier(NamedTuple):
    """The lowest loss at each compute, and the number of parameters that reaches it; NaN outside the fitted range."""

    loss: Float[np.ndarray, " compute"]
    n_parameters: Float[np.ndarray, " compute"]


def loss_at(
    compute: Float[np.ndarray, " compute"],
    n_parameters: float,
    examples: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, " point"],
) -> Float[np.ndarray, " compute"]:
    """One network's loss at each compute, interpolated in logarithms; NaN beyond its examples."""
    own = np.log(FLOPS_PER_PARAMETER * n_parameters * examples)
    logarithm: np.ndarray = np.interp(np.log(compute), own, np.log(losses), left=np.nan, right=np.nan)
    return np.asarray(np.exp(logarithm))


def frontier(
    n_parameters: Real[np.ndarray, " size"], losses: Float[np.ndarray, "size compute"], *, from_bits: float
) -> Frontier:
    """The frontier where it is below `from_bits` and neither the smallest nor the largest network is the best."""
    filled = np.nan_to_num(losses, nan=np.inf)
    best = filled.argmin(0)
    lowest = filled.min(0)
    inside = (lowest < from_bits) & (best > 0) & (best < len(n_parameters) - 1)
    return Frontier(np.where(inside, lowest, np.nan), np.where(inside, n_parameters[best], np.nan))


def law_losses(
    n_parameters: Real[np.ndarray, " size"],
    steps: Real[np.ndarray, " step"],
    losses: Real[np.ndarray, "size step subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    *,
    to_parameters: float,
) -> Float[np.ndarray, "size step"]:
    """The loss in bits of each network at each step by the laws of parameters and steps, whichever learns less.

    The constants are those of the final losses up to `to_parameters`, and of the largest network.
    """
    fitted = n_parameters <= to_parameters
    constants = {
        "constant": fit_constant("parameters", n_parameters[fitted], losses[fitted, -1], frequencies),
        "steps_constant": fit_constant("steps", steps, losses[-1], frequencies),
    }
    by_step = [
        predicted_loss_when_stopped(int(step), "parameters", n_parameters, frequencies, **constants) for step in steps
    ]
    return np.stack(by_step, axis=1)


def finite_exponent(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]) -> float:
    """k in y ∝ x^k through the points with a finite positive y; NaN for fewer than two."""
    known = np.isfinite(y) & (y > 0)
    return float(linear_fit(np.log(x[known]), np.log(y[known])).slope) if known.sum() > 1 else math.nan


def exponent_difference(
    x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], other: Real[np.ndarray, " point"]
) -> float:
    """The exponent of one quantity minus that of another, each through its own finite points."""
    return finite_exponent(x, y) - finite_exponent(x, other)
