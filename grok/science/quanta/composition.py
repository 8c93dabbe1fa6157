"""Learning of composites: subtasks that combine others, their atoms (Michaud et al. 2025, arXiv:2505.15811).

A subtask is named by its atoms: "2" is an atom, "1+2+3" a composite.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int, Real, Shaped

from grok.science.quanta.emergence import CONVERGED_BITS, NATS_PER_BIT

END = 0.1  # the last share of training


def learned_at_end(steps: Int[np.ndarray, " step"], losses: Real[np.ndarray, " step"]) -> float:
    """1 if the lowest loss in the last tenth of training is below 0.1 bits, else 0. The minimum ignores spikes."""
    late = losses[steps >= (1 - END) * steps[-1]]
    return float(late.min() < CONVERGED_BITS * NATS_PER_BIT)


def smallest_delay(
    subtasks: Shaped[np.ndarray, " subtask"], seeds: np.ndarray, steps: Real[np.ndarray, "subtask seed"]
) -> float:
    """The smallest ratio of a composite's step to that of its last atom; above 1 if each composite is learned last.

    Only composites that were learned count; NaN without one.
    """
    delays = _delays(subtasks, steps)
    return float(delays.min()) if delays.size else math.nan


def median_delay(
    subtasks: Shaped[np.ndarray, " subtask"], seeds: np.ndarray, steps: Real[np.ndarray, "subtask seed"]
) -> float:
    """The median over seeds of the ratio of a composite's step to that of its last atom.

    Only composites that were learned count; NaN without one.
    """
    delays = _delays(subtasks, steps)
    return float(np.median(delays)) if delays.size else math.nan


def _delays(
    subtasks: Shaped[np.ndarray, " subtask"], steps: Real[np.ndarray, "subtask seed"]
) -> Float[np.ndarray, " learned"]:
    last_atom, composite = steps_of_learned(subtasks, steps)
    return np.asarray(composite / last_atom)


def is_composite(subtasks: Shaped[np.ndarray, " subtask"]) -> Bool[np.ndarray, " subtask"]:
    """Which of the subtasks are composites."""
    return np.array(["+" in str(subtask) for subtask in subtasks])


def steps_of_learned(
    subtasks: Shaped[np.ndarray, " subtask"], steps: Real[np.ndarray, "subtask seed"]
) -> tuple[Float[np.ndarray, " learned"], Float[np.ndarray, " learned"]]:
    """The steps of the last atom and of the composite, of each seed and composite that was learned."""
    by_name = dict(zip(map(str, subtasks), steps, strict=True))
    composites = [str(subtask) for subtask in subtasks[is_composite(subtasks)]]
    last_atom = np.array([np.max([by_name[atom] for atom in name.split("+")], axis=0) for name in composites])
    composite = np.array([by_name[name] for name in composites])
    learned = np.isfinite(composite)
    return last_atom[learned], composite[learned]
