"""The laws of the quantization model, each with its one constant taken from what was measured: what a sweep over a task
of this size should show (Michaud et al. 2023, Sec. 2). Losses are in bits.

A law goes by the name of its exponent (`quanta.Exponents`): "parameters", "data", or "steps" in an epoch that never
ends, where samples are counted in batches. Networks learn a subtask over a range of x and are looked at in few places,
so the laws are smooth where theory has a staircase: of the subtask that is due at x, one half is learned there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from grok.science.emergence import CONVERGED, LEARNED, convergence_steps, n_learned
from grok.science.quanta import learned_with_samples, loss_with_learned, samples_needed, samples_threshold

HALF = 0.5  # bits


class Law(NamedTuple):
    """How many subtasks are learned at x."""

    constant: Callable[..., float]  # of points x, the subtasks' losses there, their frequencies, and the loss below
    learned: Callable[..., Float[np.ndarray, " point"]]  # of x, frequencies and the constant
    below: float  # the loss by which a subtask is known to be there: half of it, or as good as all


def constant(
    law: str,
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> float:
    """The law's constant, a geometric mean. τ: of x p_k where each subtask was half learned, below half a bit. The
    parameters that one takes: of N / (n + ½) where some were learned and some were not, and as a rule one in part.
    NaN where that is nowhere."""
    return LAWS[law].constant(x, losses, frequencies, LAWS[law].below)


def predicted_learned(
    law: str, x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, constant: float
) -> Float[np.ndarray, " point"]:
    """How many subtasks the law has learned at x, the last of them in part; NaN where the constant is."""
    if not math.isfinite(constant):
        return np.full(x.shape, math.nan)
    return LAWS[law].learned(x, frequencies, constant)


def predicted_loss(
    law: str, x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, constant: float
) -> Float[np.ndarray, " point"]:
    """The mean loss with as many subtasks learned, the most frequent first."""
    return loss_with_learned(predicted_learned(law, x, frequencies, constant=constant), frequencies)


def predicted_number(
    samples: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> Int[np.ndarray, " point"]:
    """How many subtasks the law of data has learned as a whole, with τ from where those of these losses were; none
    where none was."""
    threshold = _seen_when_learned(samples, losses, frequencies, LEARNED)
    return learned_with_samples(samples, frequencies, threshold=threshold)


def by_own_transitions(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> Float[np.ndarray, " point"]:
    """The mean loss if each subtask fell from 1 bit to 0 at once where it was half learned; no law says where."""
    first = np.nan_to_num(convergence_steps(x, losses, below=HALF), nan=np.inf)
    return np.asarray((x[:, None] < first) @ frequencies)


def _seen_when_learned(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    below: float,
) -> float:
    """Learned between the last point at which the loss was not below, and the first at which it was."""
    first = convergence_steps(x, losses, below=below)
    before = np.append(0, x)[np.searchsorted(x, first)].astype(float)  # 0: learned at the first point, or before it
    return samples_threshold(np.where(before > 0, np.sqrt(before * first), np.nan), frequencies)


def _learned_by_having_seen(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], threshold: float
) -> Float[np.ndarray, " point"]:
    """Half of the k-th where it is due, log-linear in between; none and all half a subtask before and after."""
    due = np.log(samples_needed(frequencies, threshold=threshold))
    n = np.arange(due.size) + 0.5
    ends = due[0] - np.diff(due[:2]) / 2, due[-1] + np.diff(due[-2:]) / 2
    places = np.concatenate([ends[0], due, ends[1]])
    with np.errstate(divide="ignore"):  # of step 0
        learned: np.ndarray = np.interp(np.log(x), places, np.concatenate([[0.0], n, [due.size]]))
    return learned


def _parameters_for_each(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    below: float,
) -> float:
    n = n_learned(losses, below=below)
    some = (n > 0) & (n < frequencies.size)
    return math.exp(np.log(x[some] / (n[some] + 0.5)).mean()) if some.any() else math.nan


def _learned_by_room(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], for_each: float
) -> Float[np.ndarray, " point"]:
    return np.minimum(x / for_each, frequencies.size)


LAWS = {
    "parameters": Law(_parameters_for_each, _learned_by_room, below=CONVERGED),
    "data": Law(_seen_when_learned, _learned_by_having_seen, below=HALF),
    "steps": Law(_seen_when_learned, _learned_by_having_seen, below=HALF),
}
