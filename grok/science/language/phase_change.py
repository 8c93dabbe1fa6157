"""When and how abruptly a loss falls, and what other quantities do meanwhile."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Real

from grok.science.statistics.curves import crossing

Steps = Real[np.ndarray, " step"]  # or their logarithms
Curve = Real[np.ndarray, " step"]


def halfway_step(steps: Steps, loss: Curve, high: Curve, low: Curve) -> float:
    """The step at which the loss has fallen halfway from `high[0]` to `low[-1]`; infinite if it has not."""
    return falls_to(steps, loss, (float(high[0]) + float(low[-1])) / 2)


def relative_fall_width(steps: Steps, loss: Curve, high: Curve, low: Curve) -> float:
    """Steps from 10 % to 90 % of the fall from `high[0]` to `low[-1]`, divided by the step of 10 %.

    It is infinite if the loss starts lower, or does not fall to 90 %.
    """
    start, end = fall(steps, loss, high, low)
    return (end - start) / start if start and math.isfinite(end) else math.inf


def plateau_over_fall(steps: Steps, loss: Curve, high: Curve, low: Curve, *, within: float) -> float:
    """Steps from the first to the last loss near `high[0]`, divided by the steps from 10 % to 90 % of the fall.

    The fall is from `high[0]` to `low[-1]`. Near is a distance of at most `within`. It is 0 if the loss is never near,
    or does not fall to 90 %.
    """
    near = steps[np.abs(loss - high[0]) <= within]
    start, end = fall(steps, loss, high, low)
    return float(near[-1] - near[0]) / (end - start) if near.size and end > start else 0.0


def share_during_fall(steps: Steps, loss: Curve, values: Curve) -> float:
    """The share of another quantity's total change that falls between 10 % and 90 % of the loss's fall."""
    start, end = np.interp(fall(steps, loss, loss, loss), steps, values)
    return float((end - start) / (values[-1] - values[0]))


def speed_during_fall(steps: Steps, loss: Curve, values: Curve) -> float:
    """The change of another quantity per step between 10 % and 90 % of the loss's fall, divided by that before 10 %."""
    start, end = fall(steps, loss, loss, loss)
    first, last = np.interp([start, end], steps, values)
    return float((last - first) / (end - start) / ((first - values[0]) / (start - steps[0])))


def lead_over_fall(steps: Steps, rising: Curve, loss: Curve, high: Curve, low: Curve) -> float:
    """Steps from the halfway point of a quantity that rises to the halfway point of the loss's fall.

    The fall is from `high[0]` to `low[-1]`; NaN if the loss is never halfway.
    """
    lead = halfway_step(steps, loss, high, low) - halfway_step(steps, -rising, -rising, -rising)
    return lead if math.isfinite(lead) else math.nan


def fall(steps: Steps, loss: Curve, high: Curve, low: Curve) -> tuple[float, float]:
    """The steps of 10 % and 90 % of the fall from `high[0]` to `low[-1]`, interpolated between evaluations.

    A step is infinite if the loss does not fall so far.
    """
    top, bottom = float(high[0]), float(low[-1])
    start, end = (falls_to(steps, loss, top - share * (top - bottom)) for share in (0.1, 0.9))
    return start, end


def falls_to(steps: Steps, loss: Curve, level: float) -> float:
    """The interpolated step at which the loss first reaches a level from above; infinite if it never does."""
    reached = np.flatnonzero(loss <= level)
    if not reached.size:
        return math.inf
    return float(steps[0]) if reached[0] == 0 else crossing(steps, loss, int(reached[0]), level)
