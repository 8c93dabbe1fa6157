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
from jaxtyping import Bool, Float, Int, Real

from grok.science.emergence import LEARNED, convergence_steps, n_learned
from grok.science.quanta import learned_with_samples, loss_with_learned, samples_needed

HALF = 0.5  # bits


class Taken(NamedTuple):
    """What subtasks took to be learned, which by a law is the same for each: NaN where it is not known."""

    rank: Float[np.ndarray, " each"]
    each: Float[np.ndarray, " each"]
    # Towards the law's constant: of the rarest subtasks only those are learned yet that are early.
    counts: Bool[np.ndarray, " each"]


class Law(NamedTuple):
    """How many subtasks are learned at x."""

    taken: Callable[..., Taken]  # of points x, the subtasks' losses there, their frequencies, and the loss below
    learned: Callable[..., Float[np.ndarray, " point"]]  # of x, frequencies and the constant
    whole: Callable[..., Int[np.ndarray, " point"]]  # … without the one that is learned in part
    below: float  # the loss by which a subtask is known to be there: half of it, or as good as all


def taken(
    law: str,
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> Taken:
    """What each subtask took. Of samples or steps its own share: x p_k where it was half learned, below half a bit. Of
    parameters N / (n + ½), at each N at which n were learned and some were not, as a rule one in part."""
    return LAWS[law].taken(x, losses, frequencies, LAWS[law].below)


def constant(
    law: str,
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> float:
    """The law's constant, τ or the parameters that one takes: the geometric mean of what was `taken` and counts. NaN
    where that is nowhere known."""
    return _geometric_mean(taken(law, x, losses, frequencies))


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


def predicted_loss_by(
    step: int,
    law: str,
    x: Real[np.ndarray, " point"],
    frequencies: Float[np.ndarray, " subtask"],
    *,
    constant: float,
    steps_constant: float,
) -> Float[np.ndarray, " point"]:
    """The mean loss where training is stopped at a step: with as many subtasks learned as the law has, or as there were
    steps for if these are fewer, by the law of steps with its own constant."""
    in_time = predicted_learned("steps", np.array([step]), frequencies, constant=steps_constant)
    by_law = predicted_learned(law, x, frequencies, constant=constant)
    return loss_with_learned(np.minimum(in_time, by_law), frequencies)


def number_constant(
    law: str,
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> float:
    """The constant of where each subtask was as good as all learned, not half of it: for numbers of them."""
    return _geometric_mean(LAWS[law].taken(x, losses, frequencies, LEARNED))


def predicted_number(
    law: str, x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, constant: float
) -> Int[np.ndarray, " point"]:
    """How many subtasks the law has learned as a whole at x, a staircase; none where the constant is not known."""
    if not math.isfinite(constant):
        return np.zeros(x.shape, int)
    return LAWS[law].whole(x, frequencies, constant)


def by_own_transitions(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> Float[np.ndarray, " point"]:
    """The mean loss if each subtask fell from 1 bit to 0 at once where it was half learned; no law says where."""
    first = np.nan_to_num(convergence_steps(x, losses, below=HALF), nan=np.inf)
    return np.asarray((x[:, None] < first) @ frequencies)


def _geometric_mean(found: Taken) -> float:
    known = np.log(found.each[np.isfinite(found.each) & found.counts])
    return math.exp(known.mean()) if known.size else math.nan


def _seen_when_learned(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    below: float,
) -> Taken:
    """Learned between the last point at which the loss was not below, and the first at which it was. What counts ends
    with the first rank that was not."""
    first = convergence_steps(x, losses, below=below)
    before = np.append(0, x)[np.searchsorted(x, first)].astype(float)  # 0: learned at the first point, or before it
    each = np.where(before > 0, np.sqrt(before * first), np.nan) * frequencies
    return Taken(np.arange(1.0, frequencies.size + 1), each, np.logical_and.accumulate(np.isfinite(first)))


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
) -> Taken:
    n = n_learned(losses, below=below)
    some = (n > 0) & (n < frequencies.size)
    return Taken(n + 0.5, np.where(some, x / (n + 0.5), np.nan), some)


def _learned_by_room(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], for_each: float
) -> Float[np.ndarray, " point"]:
    return np.minimum(x / for_each, frequencies.size)


def _whole_by_having_seen(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], threshold: float
) -> Int[np.ndarray, " point"]:
    return learned_with_samples(x, frequencies, threshold=threshold)


def _whole_by_room(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], for_each: float
) -> Int[np.ndarray, " point"]:
    whole: np.ndarray = np.floor(_learned_by_room(x, frequencies, for_each)).astype(int)
    return whole


LAWS = {
    "parameters": Law(_parameters_for_each, _learned_by_room, _whole_by_room, below=LEARNED),
    "data": Law(_seen_when_learned, _learned_by_having_seen, _whole_by_having_seen, below=HALF),
    "steps": Law(_seen_when_learned, _learned_by_having_seen, _whole_by_having_seen, below=HALF),
}
