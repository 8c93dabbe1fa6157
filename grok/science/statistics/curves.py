"""Numbers that summarize a curve over steps or along a swept key."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int, Real


def value_at(steps: Int[np.ndarray, " step"], values: Real[np.ndarray, " step"], *, step: int) -> float:
    """The value at the last evaluation up to `step`; NaN if the curve ends before `step`."""
    return float(values[np.searchsorted(steps, step, side="right") - 1]) if steps[-1] >= step else math.nan


def final(steps: Int[np.ndarray, " step"], values: Real[np.ndarray, " step"]) -> float:
    """The value at the last evaluation."""
    return float(values[-1])


def maximum(steps: Real[np.ndarray, " step"], values: Real[np.ndarray, " step"]) -> float:
    """The largest value over all evaluations, or over all points along a swept key."""
    return float(values.max())


def minimum(steps: Real[np.ndarray, " step"], values: Real[np.ndarray, " step"]) -> float:
    """The smallest value over all evaluations, or over all points along a swept key.

    The minimum of a test loss over evaluations is early stopping on the test set itself (the quanta reference code).
    """
    return float(values.min())


def early_stopped(
    steps: Int[np.ndarray, " step"], validation: Real[np.ndarray, " step"], held_out: Real[np.ndarray, " step"]
) -> float:
    """The held-out value at the evaluation with the lowest validation loss; NaN if that loss is always NaN."""
    return float(held_out[np.nanargmin(validation)]) if not np.isnan(validation).all() else math.nan


def first_reaching(steps: Int[np.ndarray, " step"], values: Real[np.ndarray, " step"], *, level: float) -> float:
    """The step of the first evaluation with a value of at least `level`; infinite if the level is never reached."""
    reached = np.flatnonzero(values >= level)
    return float(steps[reached[0]]) if reached.size else math.inf


def reached_by(steps: Int[np.ndarray, " step"], values: Real[np.ndarray, " step"], *, level: float, step: int) -> float:
    """1 if the curve has reached the level by `step`, else 0; the mean over seeds is a share of seeds."""
    return float(first_reaching(steps, values, level=level) <= step)


def first_below(steps: Real[np.ndarray, " step"], values: Real[np.ndarray, " step"], *, level: float) -> float:
    """The step of the first evaluation with a value below `level`; infinite if no value is below it."""
    below = np.flatnonzero(values < level)
    return float(steps[below[0]]) if below.size else math.inf


def settled_below(steps: Int[np.ndarray, " step"], values: Real[np.ndarray, " step"], *, level: float) -> float:
    """The first step from which all values are below `level`; infinite if the last value is not below it."""
    return settled_from(steps, values < level)


def settled_from(x: Real[np.ndarray, " point"], holds: Bool[np.ndarray, " point"]) -> float:
    """The first x from which a condition holds at all points; infinite if it fails at the last point."""
    fails = np.flatnonzero(~holds)
    first = int(fails[-1]) + 1 if fails.size else 0
    return float(x[first]) if first < x.size else math.inf


def median_from(steps: Int[np.ndarray, " step"], values: Real[np.ndarray, " step"], *, step: int) -> float:
    """The median over the evaluations from `step` on, which ignores spikes; NaN if the curve ends before `step`."""
    late = values[steps >= step]
    return float(np.median(late)) if late.size else math.nan


def lag(
    steps: Int[np.ndarray, " step"],
    values: Real[np.ndarray, " step"],
    later: Real[np.ndarray, " step"],
    *,
    level: float,
    later_level: float,
) -> float:
    """Steps from the first `values` ≥ `level` to the first `later` ≥ `later_level`; infinite if either never comes."""
    start, end = first_reaching(steps, values, level=level), first_reaching(steps, later, level=later_level)
    return end - start if math.isfinite(start) and math.isfinite(end) else math.inf


def measure_of_mean_curve(
    x: Real[np.ndarray, " point"],
    seeds: np.ndarray,
    *curves: Real[np.ndarray, "point seed"],
    measure: Callable[..., float],
) -> float:
    """A measure of the mean curves over seeds; useful for noisy curves."""
    return float(measure(x, *[curve.mean(1) for curve in curves]))


def smallest_over_seeds(
    x: Real[np.ndarray, " point"],
    seeds: np.ndarray,
    *curves: Real[np.ndarray, "point seed"],
    measure: Callable[..., float],
) -> float:
    """The smallest value of a measure of each seed's own curves: what holds for it holds in every seed."""
    return min(_over_seeds(x, seeds, curves, measure))


def largest_over_seeds(
    x: Real[np.ndarray, " point"],
    seeds: np.ndarray,
    *curves: Real[np.ndarray, "point seed"],
    measure: Callable[..., float],
) -> float:
    """The largest value of a measure of each seed's own curves."""
    return max(_over_seeds(x, seeds, curves, measure))


def _over_seeds(
    x: np.ndarray, seeds: np.ndarray, curves: tuple[np.ndarray, ...], measure: Callable[..., float]
) -> list[float]:
    """The measure of each seed; all NaN if one is."""
    found = [float(measure(x, *[curve[:, number] for curve in curves])) for number in range(len(seeds))]
    return [math.nan] if any(map(math.isnan, found)) else found


def argmin(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]) -> float:
    """The x of the lowest point; NaN if no y is finite. A y of NaN counts as infinitely high."""
    return float(x[np.argmin(np.nan_to_num(y, nan=np.inf))]) if np.isfinite(y).any() else math.nan


def scalar(value: Real[np.ndarray, ""]) -> float:
    """A quantity that is already one number; infinite if it is not finite, as for a step that was never reached."""
    return float(value) if np.isfinite(value) else math.inf


def transition_width(steps: Real[np.ndarray, " step"], accuracy: Real[np.ndarray, " step"]) -> float | None:
    """Steps from 10 % to 90 % accuracy: from the last crossing of .1 before the first crossing of .9, to the latter.

    Crossings are interpolated between evaluations. None if the accuracy never reaches .9, or is never below .1 before.
    """
    high = np.flatnonzero(accuracy >= 0.9)
    low = np.flatnonzero(accuracy[: high[0]] < 0.1) if high.size else high
    if not low.size:
        return None
    return crossing(steps, accuracy, int(high[0]), 0.9) - crossing(steps, accuracy, int(low[-1]) + 1, 0.1)


def rises_to(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, level: float) -> float:
    """The interpolated x at which a curve rises to a level for good.

    Infinite if the last point is below the level; NaN if no point is below it.
    """
    below = np.flatnonzero(~(y >= level))
    if not below.size:
        return math.nan
    return math.inf if below[-1] == x.size - 1 else crossing(x, y, int(below[-1]) + 1, level)


def crossing(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], index: int, level: float) -> float:
    """The x at which the line from point `index` − 1 to point `index` crosses the level."""
    (before, after), (low, high) = (map(float, each[index - 1 : index + 1]) for each in (x, y))
    return before + (after - before) * (level - low) / (high - low)
