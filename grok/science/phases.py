"""The four phases of learning (Liu et al. 2022, "Towards understanding grokking", Table 1)."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Literal, get_args

import numpy as np

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


def how_many(x: np.ndarray, y: np.ndarray, phases: np.ndarray) -> float:
    """How many of the four phases there are on a grid [x, y]."""
    return float(len(set(phases.flatten().tolist()) & set(PHASES)))


def share_of(x: np.ndarray, y: np.ndarray, phases: np.ndarray, *, of: Collection[str]) -> float:
    """The share of a grid [x, y] that is in one of some phases."""
    return float(np.isin(phases, [*of]).mean())


def share_beside(x: np.ndarray, y: np.ndarray, phases: np.ndarray, *, of: str, beside: Collection[str]) -> float:
    """The share of a phase's cells on a grid [x, y] that have a cell of other phases next to them, across a corner
    counted; NaN where no cell is in the phase."""
    own = np.pad(phases == of, 1)
    near = np.pad(np.isin(phases, [*beside]), 1)
    shifts = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    touched = np.any([np.roll(near, shift, (0, 1)) for shift in shifts], axis=0)
    return float(touched[own].mean()) if own.any() else math.nan


def share_between(x: np.ndarray, y: np.ndarray, phases: np.ndarray, *, of: str, between: Collection[str]) -> float:
    """The share of a phase's cells on a grid [x, y] that border on each of some others: along the axes and diagonals
    from the cell, past cells of its own phase, every one of these comes next somewhere; NaN where no cell is in the
    phase."""

    def beyond(place: np.ndarray, step: np.ndarray) -> str:
        while all(0 <= each < size for each, size in zip(place, phases.shape, strict=True)):
            if phases[tuple(place)] != of:
                return str(phases[tuple(place)])
            place = place + step
        return ""

    steps = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b])
    found = [{*between} <= {beyond(cell, step) for step in steps} for cell in np.argwhere(phases == of)]
    return float(np.mean(found)) if found else math.nan


def share_gained(*grid: np.ndarray, of: Collection[str], at: float, over: float) -> float:
    """How much larger the share of some phases is at one tick of the last axis than at another, from the ticks of each
    axis and the phases on their grid; NaN where the grid lacks one of them."""
    *_, ticks, phases = grid
    shares = [np.isin(phases[..., np.isclose(ticks, tick)], [*of]) for tick in (at, over)]
    return float(shares[0].mean() - shares[1].mean()) if all(each.size for each in shares) else math.nan
