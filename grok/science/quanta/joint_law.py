"""A law of two limits on a grid: one law along each axis, combined by their larger loss or by their sum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Real
from scipy.optimize import minimize

from grok.science.quanta.finite_sums import JointRule, joint_loss
from grok.science.quanta.laws import predicted_loss


class Axis(NamedTuple):
    """The points of one axis, and the law of `grok.science.quanta.laws` along it."""

    law: str
    x: Float[np.ndarray, " point"]
    constant: float  # of the law; a fit starts from it


def grid_losses(
    first: Axis, second: Axis, frequencies: Float[np.ndarray, " subtask"], *, rule: JointRule
) -> Float[np.ndarray, "first second"]:
    """Mean loss in bits at each pair of points by both laws together."""
    rows, columns = (predicted_loss(each.law, each.x, frequencies, constant=each.constant) for each in (first, second))
    return joint_loss(*np.broadcast_arrays(rows[:, None], columns), rule=rule)


def fit_joint_law(
    first: Axis,
    second: Axis,
    losses: Real[np.ndarray, "first second"],
    frequencies: Float[np.ndarray, " subtask"],
    *,
    rule: JointRule,
    fitted: Bool[np.ndarray, "first second"],
) -> tuple[Axis, Axis]:
    """Both axes with the constants that have the lowest error of the logarithms over the `fitted` points."""

    def with_constants(logarithms: np.ndarray) -> tuple[Axis, Axis]:
        constants = np.exp(logarithms).tolist()
        return first._replace(constant=constants[0]), second._replace(constant=constants[1])

    def error(logarithms: np.ndarray) -> float:
        predicted = grid_losses(*with_constants(logarithms), frequencies, rule=rule)
        return log_error(predicted, losses, where=fitted)

    start = np.log([first.constant, second.constant])
    best = minimize(error, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})
    return with_constants(best.x)


def log_error(
    predicted: Real[np.ndarray, "first second"],
    measured: Real[np.ndarray, "first second"],
    *,
    where: Bool[np.ndarray, "first second"],
) -> float:
    """Root mean square of ln(predicted / measured) over some points; predictions count as at least 1e-6 bits."""
    ratio = np.log(np.maximum(predicted, 1e-6) / measured)[where]
    return float(np.sqrt(np.square(ratio).mean()))


def largest_error_of_better_rule(
    arms: np.ndarray, rules: np.ndarray, parts: np.ndarray, errors: Float[np.ndarray, "arm rule part"]
) -> float:
    """The largest held-out error over the arms, each with the rule that has the lower error on the fitted points."""
    fitted, held_out = errors[..., parts == "fitted"][..., 0], errors[..., parts == "held out"][..., 0]
    return float(np.take_along_axis(held_out, fitted.argmin(1)[:, None], 1).max())
