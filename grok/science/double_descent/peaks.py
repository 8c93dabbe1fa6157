"""Where a quantity over model size or steps is not monotone: peaks, and their place relative to the threshold.

The interpolation threshold is the smallest model that fits its training data or, where larger ones may fail to, the
smallest model from which all larger ones fit.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Real

from grok.science.statistics.curves import first_reaching, settled_from


def largest_peak(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The height of the highest peak over lower points on both of its sides; 0 for a monotone curve or a valley."""
    return float(_peak_heights(y).max())


def largest_peak_ratio(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The ratio of the highest peak to the higher of its lower points before and after; 1 without a peak."""
    return float(np.exp(largest_peak(x, np.log(y))))


def largest_dip(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The depth of the deepest dip below higher points on both sides: the largest peak of 1 − y."""
    return largest_peak(x, -y)


def maximum_over_threshold(
    x: Real[np.ndarray, " point"],
    train_accuracy: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    level: float,
) -> float:
    """The x with the largest y, divided by the first x with a training accuracy of at least `level`.

    0 if no training accuracy is as high.
    """
    return float(x[np.argmax(y)] / first_reaching(x, train_accuracy, level=level))


def fitting_threshold(
    x: Real[np.ndarray, " point"], train_accuracy: Real[np.ndarray, " point"], *, level: float
) -> float:
    """The smallest x from which all training accuracies are at least `level`; infinite if the last one is not."""
    return settled_from(x, train_accuracy >= level)


def peak_over_fitting_threshold(
    x: Real[np.ndarray, " point"],
    train_accuracy: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    level: float,
) -> float:
    """The x of the peak with the largest ratio, divided by the fitting threshold; NaN without a peak."""
    heights = _peak_heights(np.log(y))
    threshold = fitting_threshold(x, train_accuracy, level=level)
    return float(x[heights.argmax()] / threshold) if heights.max() > 0 else np.nan


def factor_from_fitting_threshold(
    x: Real[np.ndarray, " point"],
    train_accuracy: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    level: float,
) -> float:
    """The factor, in either direction, between the x with the largest y and the fitting threshold."""
    ratio = x[np.argmax(y)] / fitting_threshold(x, train_accuracy, level=level)
    return float(max(ratio, 1 / ratio)) if ratio > 0 else np.inf


def largest_fall(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The largest fall from a value to a later one; 0 if the curve never falls."""
    return float((np.maximum.accumulate(y) - y).max())


def fall_after_maximum(x: np.ndarray, y: Real[np.ndarray, " point"]) -> float:
    """The largest value minus the last one."""
    return float(y.max() - y[-1])


def rise_from_threshold(
    x: Real[np.ndarray, " point"],
    train_accuracy: Real[np.ndarray, " point"],
    y: Real[np.ndarray, " point"],
    *,
    level: float,
) -> float:
    """The last value minus the one at the first x with a training accuracy of at least `level`; NaN without one."""
    fits = np.flatnonzero(train_accuracy >= level)
    return float(y[-1] - y[fits[0]]) if fits.size else np.nan


def _peak_heights(y: Real[np.ndarray, " point"]) -> Real[np.ndarray, " point"]:
    """How far each point is above the lowest point before it and the lowest after it, whichever is nearer."""
    before, after = np.minimum.accumulate(y), np.minimum.accumulate(y[::-1])[::-1]
    heights: np.ndarray = np.minimum(y - before, y - after)
    return heights
