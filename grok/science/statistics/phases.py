"""The four phases of learning (Liu et al. 2022, "Towards understanding grokking", Table 1)."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Literal, get_args

import numpy as np
from jaxtyping import Real, Shaped
from scipy.ndimage import distance_transform_cdt

Phase = Literal["comprehension", "grokking", "memorization", "confusion"]


def phase(memorization_step: int | None, generalization_step: int | None, *, grokking_delay: int) -> Phase:
    """The phase of a run, from the steps at which it memorized and generalized (None: never).

    - comprehension: it generalizes before memorizing, or less than `grokking_delay` steps after;
    - grokking: it generalizes later than that;
    - memorization: it only memorizes;
    - confusion: it does neither.

    A run that generalizes and never reaches the memorization threshold counts as comprehension.
    """
    if generalization_step is None:
        return "confusion" if memorization_step is None else "memorization"
    if memorization_step is None or generalization_step - memorization_step < grokking_delay:
        return "comprehension"
    return "grokking"


PHASES: tuple[Phase, ...] = get_args(Phase)


# The ticks of a grid's two axes, and the phases in its cells.
X = Real[np.ndarray, " x"]
Y = Real[np.ndarray, " y"]
Phases = Shaped[np.ndarray, "x y"]


def n_phases(x: X, y: Y, phases: Phases) -> float:
    """The number of the four phases that occur on a grid [x, y]."""
    return float(len(set(phases.flatten().tolist()) & set(PHASES)))


def phase_share(x: X, y: Y, phases: Phases, *, in_phases: Collection[str]) -> float:
    """The share of a grid's cells [x, y] that are in the given phases."""
    return float(np.isin(phases, [*in_phases]).mean())


def phase_share_above_diagonal(x: X, y: Y, phases: Phases, *, in_phases: Collection[str]) -> float:
    """Among the cells of a grid [x, y] in the given phases, the share with y > x; NaN if no cell is in these phases.

    For Liu et al. 2022, Fig. 6a, x is the decoder's learning rate and y that of the embeddings.
    """
    in_phase = np.isin(phases, [*in_phases])
    return float((y > x[:, None])[in_phase].mean()) if in_phase.any() else math.nan


def proximity_difference(
    x: X,
    y: Y,
    seeds: Real[np.ndarray, " seed"],
    phases: Shaped[np.ndarray, "x y seed"],
    *,
    phase: str,
    other: str,
    target: str,
    min_cells: int,
) -> float:
    """The mean distance from `other` to `target` minus the mean distance from `phase` to `target`, in cells.

    It is positive if `phase` is nearer to `target`. A cell's distance is the number of steps, along the axes or
    diagonals, to the nearest cell in `target` on the same seed's grid. The means pool the cells of all seeds. Grids
    without a cell in `target` do not count. NaN if `phase` or `other` has fewer than `min_cells` cells on the grids
    that count.
    """
    grids = [phases[..., seed] for seed in range(len(seeds)) if (phases[..., seed] == target).any()]
    distances = [distance_transform_cdt(grid != target, metric="chessboard") for grid in grids]
    of_phase, of_other = (
        np.concatenate([each[grid == name] for each, grid in zip(distances, grids, strict=True)] or [[]])
        for name in (phase, other)
    )
    return float(of_other.mean() - of_phase.mean()) if min(of_phase.size, of_other.size) >= min_cells else math.nan


def median_finite_step(x: X, y: Y, steps: Real[np.ndarray, "x y"]) -> float:
    """The median over the finite steps of a grid [x, y]; NaN if no step is finite."""
    finite = steps[np.isfinite(steps)]
    return float(np.median(finite)) if finite.size else math.nan


def phase_share_difference(*grid: np.ndarray, in_phases: Collection[str], at_tick: float, minus_tick: float) -> float:
    """The share of the given phases at `at_tick` of the last axis minus the share at `minus_tick`.

    `grid` is the ticks of each axis, then the phases. NaN if the last axis lacks one of the two ticks.
    """
    *_, ticks, phases = grid
    return _share_difference(ticks, np.isin(phases, [*in_phases]), at_tick, minus_tick)


def early_share_difference(*grid: np.ndarray, by_step: float, at_tick: float, minus_tick: float) -> float:
    """The share of cells with a step of at most `by_step`, at `at_tick` of the last axis minus at `minus_tick`.

    `grid` is the ticks of each axis, then the steps, which are NaN if never reached. The result is NaN if the last axis
    lacks one of the two ticks.
    """
    *_, ticks, steps = grid
    return _share_difference(ticks, steps <= by_step, at_tick, minus_tick)


def _share_difference(
    ticks: Real[np.ndarray, " tick"], hits: Shaped[np.ndarray, "*grid tick"], at_tick: float, minus_tick: float
) -> float:
    """The share of hits at `at_tick` of the last axis minus the share at `minus_tick`; NaN if a tick is missing."""
    at, minus = (hits[..., np.isclose(ticks, tick)] for tick in (at_tick, minus_tick))
    return float(at.mean() - minus.mean()) if at.size and minus.size else math.nan
