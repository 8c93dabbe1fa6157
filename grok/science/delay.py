"""When a curve crosses a threshold for good, and how long generalisation lags behind memorisation."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Real


def settled_at(steps: Int[np.ndarray, " look"], accuracy: Real[np.ndarray, " look"], threshold: float) -> int | None:
    """The first step from which the accuracy is at or above the threshold at every later look; None if it never is."""
    below = np.flatnonzero(~(accuracy >= threshold))
    first = 0 if below.size == 0 else int(below[-1]) + 1
    return int(steps[first]) if first < steps.size else None


def first_at(steps: Int[np.ndarray, " look"], accuracy: Real[np.ndarray, " look"], threshold: float) -> int | None:
    """The first step at which the accuracy is at or above the threshold, whether or not it stays; None: it never is."""
    reached = np.flatnonzero(accuracy >= threshold)
    return int(steps[reached[0]]) if reached.size else None


def delay(memorization_step: int | None, generalization_step: int | None) -> int | None:
    """Steps from memorisation to generalisation; None where either is missing."""
    if memorization_step is None or generalization_step is None:
        return None
    return generalization_step - memorization_step
