"""Numbers read off the losses of a task's subtasks, and off their mean: what the claims of the quanta are about.

Losses are in nats, as records have them, over points x: looks at one network, or networks of growing size or data.
Ranks are those of the subtasks, the most frequent first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int, Real

from grok.science import power_law
from grok.science.curves import first_below
from grok.science.emergence import (
    CONVERGED,
    LEARNED,
    NATS_PER_BIT,
    convergence_steps,
    n_learned,
    order_of_learning,
    transition_decades,
)
from grok.science.quanta import zipf_frequencies


def order(
    steps: Int[np.ndarray, " look"], ranks: Int[np.ndarray, " subtask"], losses: Real[np.ndarray, "look subtask"]
) -> float:
    """Spearman's correlation of rank and convergence step, of the subtasks that were learned."""
    return order_of_learning(convergence_steps(steps, losses / NATS_PER_BIT, below=CONVERGED))


def convergence_exponent(
    steps: Int[np.ndarray, " look"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "look subtask"],
    *,
    alpha: float,
) -> float:
    """k in S ∝ p^k, of the convergence steps S of the subtasks that were learned and their frequencies p."""
    found = convergence_steps(steps, losses / NATS_PER_BIT, below=CONVERGED)
    learned = np.isfinite(found)
    return power_law.exponent(zipf_frequencies(ranks.size, alpha=alpha)[learned], found[learned])


def shown_by_batch(
    batches: Int[np.ndarray, " batch"],
    steps: Int[np.ndarray, " look"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "batch look subtask"],
    *,
    of: int,
    to: int,
) -> float:
    """How many times as many examples it takes to learn a subtask in batches of one size as in those of another.

    The geometric mean of those learned in both; 1 where examples are what counts, of / to where steps are.
    """
    found = {
        size: size * convergence_steps(steps, own / NATS_PER_BIT, below=CONVERGED)
        for size, own in zip(batches.tolist(), losses, strict=True)
    }
    if not {of, to} <= found.keys():
        return math.nan
    ratio = found[of] / found[to]
    return float(np.exp(np.nanmean(np.log(ratio)))) if np.isfinite(ratio).any() else math.nan


def median_transition(
    steps: Int[np.ndarray, " look"], ranks: Int[np.ndarray, " subtask"], losses: Real[np.ndarray, "look subtask"]
) -> float:
    """The decades of steps in which the median subtask falls from 90 % to 10 % of a bit, of those that do."""
    widths = transition_decades(steps, losses / NATS_PER_BIT)
    return float(np.nanmedian(widths)) if np.isfinite(widths).any() else math.nan


def transition_by_fall(
    steps: Int[np.ndarray, " look"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "look subtask"],
    mean: Real[np.ndarray, " look"],
) -> float:
    """The median subtask's decades by those in which the mean falls from 90 % to 10 %, or to what it is at the end."""
    begins, ends = (first_below(steps, mean, level=share * NATS_PER_BIT) for share in (0.9, 0.1))
    ends = min(ends, float(steps[-1]))
    return median_transition(steps, ranks, losses) / math.log10(ends / begins) if begins < ends else math.nan


def fall(
    x: Real[np.ndarray, " point"],
    mean: Real[np.ndarray, " point"],
    *,
    from_x: float | int = 0.0,
    to_x: float | int = math.inf,
    from_bits: float | int = math.inf,
    every: int | float | None = None,
) -> float:
    """k in L ∝ x^−k, of the mean loss over a range of x, and from where it first is below `from_bits` on; at the
    multiples of `every` in place of the points, if it is given."""
    begins = fit_begins(x, mean, from_x=from_x, from_bits=from_bits)
    if every is not None:
        x, mean = power_law.at_multiples(x, mean, every=every)
    return -power_law.exponent(x, mean, from_x=begins, to_x=to_x)


def fit_begins(
    x: Real[np.ndarray, " point"],
    mean: Real[np.ndarray, " point"],
    *,
    from_x: float | int = 0.0,
    from_bits: float | int = math.inf,
) -> float:
    """The first x that counts: infinite where the loss is never below `from_bits`."""
    return float(max(from_x, first_below(x, mean, level=from_bits * NATS_PER_BIT)))


def rise(
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "point subtask"],
    *,
    to_x: float | int = math.inf,
) -> float:
    """k in n ∝ x^k, of the number of subtasks that are learned, where any is."""
    return rise_of_number(x, n_learned(losses / NATS_PER_BIT, below=LEARNED), to_x=to_x)


def rise_of_number(
    x: Real[np.ndarray, " point"], learned: Int[np.ndarray, " point"], *, to_x: float | int = math.inf
) -> float:
    """k in n ∝ x^k, where n is not 0."""
    some = learned > 0
    return power_law.exponent(x[some], learned[some], to_x=to_x)


def farthest_from_published(
    alphas: Float[np.ndarray, " alpha"],
    x: Real[np.ndarray, " point"],
    means: Real[np.ndarray, "alpha point"],
    *,
    published: Mapping[float, float],
    **over: int | float,
) -> float:
    """The largest size of the differences between the exponents of the mean loss and those published, by α."""
    found = [
        fall(x, mean, **over) - published.get(round(float(alpha), 9), math.nan)
        for alpha, mean in zip(alphas, means, strict=True)
    ]
    return float(np.abs(found).max())
