"""Curves of the strength R / S of all skills, predicted from the curve of the most frequent skill alone.

The laws are those of `multilinear`, with one or two constants (Nam et al. 2024, arXiv:2404.17563).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.optimize import minimize_scalar

from grok.science.quanta.multilinear import strength_over_time, strength_with_data, strength_with_width
from grok.science.quanta.quantization_model import zipf_frequencies


def fit_time_curve(time: Real[np.ndarray, " point"], strength: Float[np.ndarray, " point"]) -> tuple[float, float]:
    """Rate and onset of one skill's curve R / S = 1 / (1 + e^(onset − rate T)), from the points between 0.1 and 0.9.

    NaN for fewer than two points.
    """
    inside = (strength > 0.1) & (strength < 0.9)
    if inside.sum() < 2:
        return math.nan, math.nan
    slope, intercept = np.polyfit(time[inside], np.log(strength[inside] / (1 - strength[inside])), 1)
    return float(slope), -float(intercept)


def predicted_over_time(
    time: Real[np.ndarray, " point"],
    first: Float[np.ndarray, " point"],
    frequencies: Float[np.ndarray, " skill"],
    *,
    at: Real[np.ndarray, " other"],
) -> Float[np.ndarray, "other skill"]:
    """Strengths at the times `at`: all skills have the first one's onset, and a rate ∝ their frequency."""
    rate, onset = fit_time_curve(time, first)
    return strength_over_time(at, frequencies / frequencies[0], rate=rate, onset=onset)


def predicted_with_data(
    examples: Real[np.ndarray, " point"],
    first: Float[np.ndarray, " point"],
    frequencies: Float[np.ndarray, " skill"],
    *,
    at: Real[np.ndarray, " other"],
) -> Float[np.ndarray, "other skill"]:
    """Strengths for `at` examples: all skills have the first one's critical number D_c of their own examples."""
    own = frequencies[:1]
    critical = _fit(lambda each: strength_with_data(examples[:, None] * own, critical=each)[:, 0], first, examples)
    return strength_with_data(at[:, None] * frequencies, critical=critical)


def predicted_with_width(
    width: Real[np.ndarray, " point"],
    first: Float[np.ndarray, " point"],
    frequencies: Float[np.ndarray, " skill"],
    *,
    at: Real[np.ndarray, " other"],
) -> Float[np.ndarray, "other skill"]:
    """Strengths at the widths `at`: each skill takes as many neurons as the first one, in the order of frequency."""
    each = _fit(lambda each: strength_with_width(width, 1, each=each)[:, 0], first, width)
    return strength_with_width(at, frequencies.size, each=each)


def largest_error(
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " skill"],
    strength: Real[np.ndarray, "point skill"],
    *,
    alpha: float,
    predicted: Callable[..., np.ndarray],
    in_transition: bool = False,
) -> float:
    """The largest over the skills from the second on of the mean absolute error of a prediction.

    `predicted` is a function of this module. With `in_transition`, the mean is over the points where the measured or
    the predicted strength is from 0.05 to 0.95. NaN if the first skill's curve has no constants.
    """
    by_law = predicted(x, strength[:, 0], zipf_frequencies(ranks.size, alpha=alpha), at=x)
    used = _is_in_transition(strength) | _is_in_transition(by_law) if in_transition else np.full(strength.shape, True)
    errors = np.abs(by_law - strength)
    means = [errors[used[:, skill], skill].mean() for skill in range(1, ranks.size) if used[:, skill].any()]
    return float(np.max(means)) if means else math.nan


def _is_in_transition(strength: Real[np.ndarray, "point skill"]) -> Bool[np.ndarray, "point skill"]:
    return np.asarray((strength >= 0.05) & (strength <= 0.95))


def _fit(curve: Callable[[float], np.ndarray], strength: np.ndarray, x: np.ndarray) -> float:
    """The constant with the lowest squared error, between a thousandth of the smallest x and the largest x."""
    bounds = np.log(x.min() / 1000), np.log(x.max())
    grid = np.exp(np.linspace(*bounds, 400))
    errors = [np.square(curve(float(each)) - strength).sum() for each in grid]
    best = int(np.argmin(errors))
    around = np.log(grid[[max(best - 1, 0), min(best + 1, grid.size - 1)]])
    found = minimize_scalar(
        lambda log: np.square(curve(math.exp(log)) - strength).sum(), bounds=tuple(around), method="bounded"
    )
    return math.exp(found.x)
