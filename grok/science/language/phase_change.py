"""When and how abruptly a loss falls, and what other quantities do meanwhile."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Real

from grok.science.statistics.curves import crossing

Steps = Real[np.ndarray, " step"]  # or their logarithms
Curve = Real[np.ndarray, " step"]


def halfway_step(steps: Steps, loss: Curve, high: Curve) -> float:
    """The step at which the loss has fallen halfway from `high[0]` to its final value; infinite if it has not."""
    return falls_to(steps, loss, (float(high[0]) + float(loss[-1])) / 2)


def relative_fall_width(steps: Steps, loss: Curve, high: Curve) -> float:
    """Steps from 10 % to 90 % of the fall from `high[0]` to the final loss, divided by the step of 10 %.

    It is infinite if the loss starts lower.
    """
    start, end = fall(steps, loss, high)
    return (end - start) / start if start else math.inf


def plateau_over_fall(steps: Steps, loss: Curve, high: Curve, *, within: float) -> float:
    """Steps from the first to the last loss near `high[0]`, divided by the steps from 10 % to 90 % of the fall from it.

    Near is a distance of at most `within`. It is 0 if the loss is never near, or does not fall.
    """
    near = steps[np.abs(loss - high[0]) <= within]
    start, end = fall(steps, loss, high)
    return float(near[-1] - near[0]) / (end - start) if near.size and end > start else 0.0


def share_during_fall(steps: Steps, loss: Curve, values: Curve) -> float:
    """The share of another quantity's total change that falls between 10 % and 90 % of the loss's fall."""
    start, end = np.interp(fall(steps, loss, loss), steps, values)
    return float((end - start) / (values[-1] - values[0]))


def lead_over_fall(steps: Steps, rising: Curve, loss: Curve, high: Curve) -> float:
    """Steps from the halfway point of a quantity that rises to the halfway point of the loss's fall from `high[0]`."""
    return halfway_step(steps, loss, high) - halfway_step(steps, -rising, -rising)


def fall(steps: Steps, loss: Curve, high: Curve) -> tuple[float, float]:
    """The steps of 10 % and 90 % of the fall from `high[0]` to the final loss, interpolated between evaluations."""
    top, bottom = float(high[0]), float(loss[-1])
    start, end = (falls_to(steps, loss, top - share * (top - bottom)) for share in (0.1, 0.9))
    return start, end


def falls_to(steps: Steps, loss: Curve, level: float) -> float:
    """The interpolated step at which the loss first reaches a level from above; infinite if it never does."""
    reached = np.flatnonzero(loss <= level)
    if not reached.size:
        return math.inf
    return float(steps[0]) if reached[0] == 0 else crossing(steps, loss, int(reached[0]), level)
