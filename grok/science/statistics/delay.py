"""When a curve crosses a threshold for good, and the delay from memorization to generalization."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int, Real

from grok.science.statistics.curves import first_reaching, settled_from


def settled_at(steps: Int[np.ndarray, " step"], accuracy: Real[np.ndarray, " step"], threshold: float) -> int | None:
    """The first step from which the accuracy stays at or above the threshold; None if it never settles there."""
    return _finite_step(settled_from(steps, accuracy >= threshold))


def first_at(steps: Int[np.ndarray, " step"], accuracy: Real[np.ndarray, " step"], threshold: float) -> int | None:
    """The first step at which the accuracy reaches the threshold, even if it falls again; None if it never does."""
    return _finite_step(first_reaching(steps, accuracy, level=threshold))


def delay(memorization_step: int | None, generalization_step: int | None) -> int | None:
    """Steps from memorization to generalization; None if either step is missing."""
    if memorization_step is None or generalization_step is None:
        return None
    return generalization_step - memorization_step


def _finite_step(step: float) -> int | None:
    """The step as an integer; None if it is infinite."""
    return int(step) if math.isfinite(step) else None
