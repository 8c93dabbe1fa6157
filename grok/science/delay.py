"""When a curve crosses a threshold for good, and how long generalisation lags behind memorisation."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int, Real

from grok.science.curves import first_reaching, settled


def settled_at(steps: Int[np.ndarray, " look"], accuracy: Real[np.ndarray, " look"], threshold: float) -> int | None:
    """The first step from which the accuracy is at or above the threshold at every later look; None if it never is."""
    return _step(settled(steps, accuracy >= threshold))


def first_at(steps: Int[np.ndarray, " look"], accuracy: Real[np.ndarray, " look"], threshold: float) -> int | None:
    """The first step at which the accuracy is at or above the threshold, whether or not it stays; None: it never is."""
    return _step(first_reaching(steps, accuracy, level=threshold))


def delay(memorization_step: int | None, generalization_step: int | None) -> int | None:
    """Steps from memorisation to generalisation; None where either is missing."""
    if memorization_step is None or generalization_step is None:
        return None
    return generalization_step - memorization_step


def _step(found: float) -> int | None:
    return int(found) if math.isfinite(found) else None
