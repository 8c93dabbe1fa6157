"""Laws of the quantization model (Michaud et al. 2023, Sec. 2): predictions of a sweep over a task of this size.

Each law has one constant, fitted to the measured losses. Losses are in bits. A law has the name of its exponent
(`quantization_model.Exponents`): "parameters", "data", or "steps" for online training, where samples are counted in
batches. By the law of "ranks", subtasks take equal numbers of steps one after the other (Liu et al. 2025, arXiv:
2501.12391, the domino effect).

Networks learn a subtask over a range of x, and there are few points. The laws are therefore smooth where the theory has
a staircase: a subtask is half learned at the x where it is due.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from grok.science.quanta.emergence import LEARNED_BITS, convergence_steps, n_learned
from grok.science.quanta.quantization_model import learned_with_samples, loss_with_learned, samples_needed

HALF_LEARNED_BITS = 0.5  # bits


class LearningCost(NamedTuple):
    """Cost of learning each subtask, which a law predicts to be the same for all; NaN if it is not known."""

    rank: Float[np.ndarray, " each"]
    cost: Float[np.ndarray, " each"]
    # Whether the cost is used to fit the law's constant. Among the rarest subtasks only the early ones are learned,
    # which would bias the fit.
    is_fitted: Bool[np.ndarray, " each"]


class Law(NamedTuple):
    """Functions for the number of subtasks that are learned at x."""

    cost: Callable[..., LearningCost]  # from points x, losses [point, subtask], frequencies and a loss threshold
    n_learned: Callable[..., Float[np.ndarray, " point"]]  # from x, frequencies and the constant
    n_complete: Callable[..., Int[np.ndarray, " point"]]  # the same, without the subtask that is learned in part
    loss_threshold: float  # threshold on the loss of a learned subtask: half learned, or almost completely learned


def learning_cost(
    law: str,
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> LearningCost:
    """Learning cost of the subtasks.

    For samples or steps it is x p_k, the subtask's own share, at the x where its loss first is below half a bit. For
    parameters it is N / (n + ½), at each N where n subtasks are learned and others are not; usually one is learned in
    part.
    """
    return LAWS[law].cost(x, losses, frequencies, LAWS[law].loss_threshold)


def fit_constant(
    law: str,
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> float:
    """The law's constant: τ, or the number of parameters per subtask; NaN if no learning cost is known.

    It is the geometric mean of the learning costs that count.
    """
    return _geometric_mean(learning_cost(law, x, losses, frequencies))


def predicted_learned(
    law: str, x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, constant: float
) -> Float[np.ndarray, " point"]:
    """Number of subtasks learned at x by the law, the last one in part; NaN if the constant is NaN."""
    if not math.isfinite(constant):
        return np.full(x.shape, math.nan)
    return LAWS[law].n_learned(x, frequencies, constant)


def predicted_loss(
    law: str, x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, constant: float
) -> Float[np.ndarray, " point"]:
    """Mean loss by the law, with the most frequent subtasks learned first."""
    return loss_with_learned(predicted_learned(law, x, frequencies, constant=constant), frequencies)


def predicted_loss_when_stopped(
    step: int,
    law: str,
    x: Real[np.ndarray, " point"],
    frequencies: Float[np.ndarray, " subtask"],
    *,
    constant: float,
    steps_constant: float,
) -> Float[np.ndarray, " point"]:
    """Mean loss if training stops at a step.

    The number of learned subtasks is the smaller of two numbers: by the law at x, and by the law of steps at this step,
    with its own constant.
    """
    by_steps = predicted_learned("steps", np.array([step]), frequencies, constant=steps_constant)
    by_law = predicted_learned(law, x, frequencies, constant=constant)
    return loss_with_learned(np.minimum(by_steps, by_law), frequencies)


def fit_count_constant(
    law: str,
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> float:
    """Constant of the law for counts of subtasks: a subtask must be almost completely learned, not half learned."""
    return _geometric_mean(LAWS[law].cost(x, losses, frequencies, LEARNED_BITS))


def predicted_count(
    law: str, x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, constant: float
) -> Int[np.ndarray, " point"]:
    """Number of completely learned subtasks at x by the law, a staircase; 0 if the constant is not finite."""
    if not math.isfinite(constant):
        return np.zeros(x.shape, int)
    return LAWS[law].n_complete(x, frequencies, constant)


def loss_from_transitions(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
) -> Float[np.ndarray, " point"]:
    """Mean loss if each subtask fell from 1 bit to 0 at the measured point where it is half learned; uses no law."""
    half_learned = np.nan_to_num(convergence_steps(x, losses, below=HALF_LEARNED_BITS), nan=np.inf)
    return np.asarray((x[:, None] < half_learned) @ frequencies)


def _geometric_mean(cost: LearningCost) -> float:
    known = np.log(cost.cost[np.isfinite(cost.cost) & cost.is_fitted])
    return math.exp(known.mean()) if known.size else math.nan


def _sample_cost(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    loss_threshold: float,
) -> LearningCost:
    """Samples of each subtask until it is learned.

    This x is between the last point with a loss not below the threshold and the first point with a loss below it. The
    costs that count end before the first rank that is not learned.
    """
    first = convergence_steps(x, losses, below=loss_threshold)
    before = np.append(0, x)[np.searchsorted(x, first)].astype(float)  # 0: learned at or before the first point
    each = np.where(before > 0, np.sqrt(before * first), np.nan) * frequencies
    return LearningCost(np.arange(1.0, frequencies.size + 1), each, np.logical_and.accumulate(np.isfinite(first)))


def _learned_with_samples(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], threshold: float
) -> Float[np.ndarray, " point"]:
    """Number of learned subtasks, linear in log x between the points where each subtask is due and half learned.

    Half a subtask before the first of these points it is 0; half a subtask after the last, all are learned.
    """
    due = np.log(samples_needed(frequencies, threshold=threshold))
    n = np.arange(due.size) + 0.5
    start, end = due[0] - np.diff(due[:2]) / 2, due[-1] + np.diff(due[-2:]) / 2
    with np.errstate(divide="ignore"):  # log 0 at step 0
        learned: np.ndarray = np.interp(
            np.log(x), np.concatenate([start, due, end]), np.concatenate([[0.0], n, [due.size]])
        )
    return learned


def _inverse_ranks(frequencies: Float[np.ndarray, " subtask"]) -> Float[np.ndarray, " subtask"]:
    """1 / rank, used in place of the frequency by the law of ranks."""
    return 1 / np.arange(1.0, frequencies.size + 1)


def _rank_cost(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    loss_threshold: float,
) -> LearningCost:
    return _sample_cost(x, losses, _inverse_ranks(frequencies), loss_threshold)


def _learned_by_rank(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], steps_each: float
) -> Float[np.ndarray, " point"]:
    return _learned_with_samples(x, _inverse_ranks(frequencies), steps_each)


def _count_by_rank(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], steps_each: float
) -> Int[np.ndarray, " point"]:
    return _count_with_samples(x, _inverse_ranks(frequencies), steps_each)


def _parameter_cost(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    loss_threshold: float,
) -> LearningCost:
    n = n_learned(losses, below=loss_threshold)
    in_part = (n > 0) & (n < frequencies.size)
    return LearningCost(n + 0.5, np.where(in_part, x / (n + 0.5), np.nan), in_part)


def _learned_with_parameters(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], per_subtask: float
) -> Float[np.ndarray, " point"]:
    return np.minimum(x / per_subtask, frequencies.size)


def _count_with_samples(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], threshold: float
) -> Int[np.ndarray, " point"]:
    return learned_with_samples(x, frequencies, threshold=threshold)


def _count_with_parameters(
    x: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], per_subtask: float
) -> Int[np.ndarray, " point"]:
    count: np.ndarray = np.floor(_learned_with_parameters(x, frequencies, per_subtask)).astype(int)
    return count


LAWS = {
    "parameters": Law(_parameter_cost, _learned_with_parameters, _count_with_parameters, loss_threshold=LEARNED_BITS),
    "data": Law(_sample_cost, _learned_with_samples, _count_with_samples, loss_threshold=HALF_LEARNED_BITS),
    "steps": Law(_sample_cost, _learned_with_samples, _count_with_samples, loss_threshold=HALF_LEARNED_BITS),
    "ranks": Law(_rank_cost, _learned_by_rank, _count_by_rank, loss_threshold=HALF_LEARNED_BITS),
}
