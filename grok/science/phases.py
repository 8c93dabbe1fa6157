"""The four phases of learning (Liu et al. 2022, "Towards understanding grokking", Table 1)."""

from __future__ import annotations

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


def share(x: np.ndarray, y: np.ndarray, phases: np.ndarray, *, of: str) -> float:
    """The share of a grid [x, y] that is in a phase."""
    return float(np.mean(phases == of))
