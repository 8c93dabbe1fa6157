"""Numbers read off a curve over steps."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int, Real


def value_at(steps: Int[np.ndarray, " look"], values: Real[np.ndarray, " look"], *, step: int) -> float:
    """The value at the last look up to the step; NaN where the curve ends before it."""
    return float(values[np.searchsorted(steps, step, side="right") - 1]) if steps[-1] >= step else math.nan


def final(steps: Int[np.ndarray, " look"], values: Real[np.ndarray, " look"]) -> float:
    """The value at the last look."""
    return float(values[-1])


def highest(steps: Real[np.ndarray, " look"], values: Real[np.ndarray, " look"]) -> float:
    """The largest value of all looks, or of all points along a swept key."""
    return float(values.max())


def lowest(steps: Real[np.ndarray, " look"], values: Real[np.ndarray, " look"]) -> float:
    """The smallest value of all looks, or of all points along a swept key; of a test loss over looks it is early
    stopping that peeks (the reference of the quanta)."""
    return float(values.min())


def early_stopped(
    steps: Int[np.ndarray, " look"], validation: Real[np.ndarray, " look"], held_out: Real[np.ndarray, " look"]
) -> float:
    """The held-out value at the look where the validation loss is lowest; NaN where that is nowhere a number."""
    return float(held_out[np.nanargmin(validation)]) if not np.isnan(validation).all() else math.nan


def first_reaching(steps: Int[np.ndarray, " look"], values: Real[np.ndarray, " look"], *, level: float) -> float:
    """The step of the first look with a value of at least the level; infinite where there is none."""
    reached = np.flatnonzero(values >= level)
    return float(steps[reached[0]]) if reached.size else math.inf


def reached_by(steps: Int[np.ndarray, " look"], values: Real[np.ndarray, " look"], *, level: float, step: int) -> float:
    """1 where the curve has reached the level by this step, else 0: over seeds, the share that has."""
    return float(first_reaching(steps, values, level=level) <= step)


def first_below(steps: Real[np.ndarray, " look"], values: Real[np.ndarray, " look"], *, level: float) -> float:
    """The step of the first look with a value below the level; infinite where there is none."""
    below = np.flatnonzero(values < level)
    return float(steps[below[0]]) if below.size else math.inf


def settled_below(steps: Int[np.ndarray, " look"], values: Real[np.ndarray, " look"], *, level: float) -> float:
    """The step of the first look from which all values are below the level; infinite where the last one is not."""
    return settled(steps, values < level)


def settled(x: Real[np.ndarray, " point"], holds: Bool[np.ndarray, " point"]) -> float:
    """The first x from which something holds at all points; infinite where it does not at the last one."""
    fails = np.flatnonzero(~holds)
    first = int(fails[-1]) + 1 if fails.size else 0
    return float(x[first]) if first < x.size else math.inf


def median_from(steps: Int[np.ndarray, " look"], values: Real[np.ndarray, " look"], *, step: int) -> float:
    """The median over the looks from this step on: what a curve with spikes comes to; NaN where it ends before."""
    late = values[steps >= step]
    return float(np.median(late)) if late.size else math.nan


def lag(
    steps: Int[np.ndarray, " look"],
    values: Real[np.ndarray, " look"],
    later: Real[np.ndarray, " look"],
    *,
    level: float,
    later_level: float,
) -> float:
    """Steps from where one curve first reaches its level to where another does; infinite where one never does."""
    reached = first_reaching(steps, values, level=level), first_reaching(steps, later, level=later_level)
    return reached[1] - reached[0] if all(map(math.isfinite, reached)) else math.inf


def of_mean(
    x: Real[np.ndarray, " point"],
    seeds: np.ndarray,
    *curves: Real[np.ndarray, "point seed"],
    measure: Callable[..., float],
) -> float:
    """What a measure gives of the seeds' mean curves: for what is read off a noisy curve."""
    return float(measure(x, *[curve.mean(1) for curve in curves]))


def argmin(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"]) -> float:
    """Where the lowest of the points lies; a point without a number is as high as can be, and all such have none."""
    return float(x[np.argmin(np.nan_to_num(y, nan=np.inf))]) if np.isfinite(y).any() else math.nan


def number(value: Real[np.ndarray, ""]) -> float:
    """A quantity that is one number already; infinite where it has none, as a step that never came."""
    return float(value) if np.isfinite(value) else math.inf


def transition_width(steps: Real[np.ndarray, " look"], accuracy: Real[np.ndarray, " look"]) -> float | None:
    """Steps from 10 % to 90 %: from the last crossing of .1 before the first crossing of .9 to the latter.

    Crossings are interpolated between looks. None where the accuracy starts above .1 or never reaches .9.
    """
    high = np.flatnonzero(accuracy >= 0.9)
    low = np.flatnonzero(accuracy[: high[0]] < 0.1) if high.size else high
    if not low.size:
        return None
    return crossing(steps, accuracy, int(high[0]), 0.9) - crossing(steps, accuracy, int(low[-1]) + 1, 0.1)


def rises_to(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], *, level: float) -> float:
    """Where a curve rises to a level for good, interpolated; infinite where it is below it at the last point, NaN where
    it is there from the first."""
    below = np.flatnonzero(~(y >= level))
    if not below.size:
        return math.nan
    return math.inf if below[-1] == x.size - 1 else crossing(x, y, int(below[-1]) + 1, level)


def crossing(x: Real[np.ndarray, " point"], y: Real[np.ndarray, " point"], number: int, level: float) -> float:
    """Where the line from the point before to the point of this number crosses the level."""
    (before, after), (low, high) = (map(float, each[number - 1 : number + 1]) for each in (x, y))
    return before + (after - before) * (level - low) / (high - low)
