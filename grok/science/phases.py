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
    """The phase of a run from the steps at which it memorised and generalised (None: never).

    Generalising less than `grokking_delay` steps after memorising (or before it) is comprehension, else grokking;
    memorising alone is memorization; neither is confusion. A run that generalises without ever reaching the
    memorisation threshold counts as comprehension: nothing was memorised first.
    """
    if generalization_step is None:
        return "confusion" if memorization_step is None else "memorization"
    if memorization_step is None or generalization_step - memorization_step < grokking_delay:
        return "comprehension"
    return "grokking"


PHASES: tuple[Phase, ...] = get_args(Phase)


X = Real[np.ndarray, " x"]  # the ticks of a grid …
Y = Real[np.ndarray, " y"]
Phases = Shaped[np.ndarray, "x y"]  # … and the phases in its cells


def how_many(x: X, y: Y, phases: Phases) -> float:
    """How many of the four phases there are on a grid [x, y]."""
    return float(len(set(phases.flatten().tolist()) & set(PHASES)))


def share_of(x: X, y: Y, phases: Phases, *, of: Collection[str]) -> float:
    """The share of a grid [x, y] that is in one of some phases."""
    return float(np.isin(phases, [*of]).mean())


def share_above(x: X, y: Y, phases: Phases, *, of: Collection[str]) -> float:
    """The share of some phases' cells on a grid [x, y] whose y is above their x, as learning rates of embeddings and
    decoder (Liu et al. 2022, Fig. 6a); NaN where none is in such a phase."""
    own = np.isin(phases, [*of])
    return float((y > x[:, None])[own].mean()) if own.any() else math.nan


def nearer(
    x: X,
    y: Y,
    seeds: Real[np.ndarray, " seed"],
    phases: Shaped[np.ndarray, "x y seed"],
    *,
    of: str,
    than: str,
    to: str,
    least: int,
) -> float:
    """How much nearer to a third phase one phase is than another, in cells: the difference of their mean distances on
    the seeds' grids [x, y, seed], all cells of all seeds together.

    A cell's distance is the number of steps, along the axes or diagonals, to the nearest cell of the third phase on its
    own seed's grid; grids without such a cell do not count. NaN where one of the two phases has fewer than
    `least` cells on those that do.
    """
    grids = [phases[..., seed] for seed in range(len(seeds)) if (phases[..., seed] == to).any()]
    distances = [distance_transform_cdt(grid != to, metric="chessboard") for grid in grids]
    own, others = (
        np.concatenate([each[grid == name] for each, grid in zip(distances, grids, strict=True)] or [[]])
        for name in (of, than)
    )
    return float(others.mean() - own.mean()) if min(own.size, others.size) >= least else math.nan


def median_reached(x: X, y: Y, steps: Real[np.ndarray, "x y"]) -> float:
    """The median step of those cells of a grid [x, y] that come there; NaN where none does."""
    reached = steps[np.isfinite(steps)]
    return float(np.median(reached)) if reached.size else math.nan


def share_gained(*grid: np.ndarray, of: Collection[str], at: float, over: float) -> float:
    """How much larger the share of some phases is at one tick of the last axis than at another, from the ticks of each
    axis and the phases on their grid; NaN where the grid lacks one of them."""
    *_, ticks, phases = grid
    return _gained(ticks, np.isin(phases, [*of]), at, over)


def early_gained(*grid: np.ndarray, by: float, at: float, over: float) -> float:
    """How much larger the share of cells that are there by a step is at one tick of the last axis than at another, from
    the ticks of each axis and the steps on their grid, NaN where they never came; NaN where the grid lacks a tick."""
    *_, ticks, steps = grid
    return _gained(ticks, steps <= by, at, over)


def _gained(ticks: Real[np.ndarray, " tick"], hits: Shaped[np.ndarray, "*grid tick"], at: float, over: float) -> float:
    shares = [hits[..., np.isclose(ticks, tick)] for tick in (at, over)]
    return float(shares[0].mean() - shares[1].mean()) if all(each.size for each in shares) else math.nan
