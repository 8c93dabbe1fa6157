"""The quantization model of neural scaling (Michaud et al. 2023, Sec. 2): what theory predicts for a finite task.

Subtasks are ranked by frequency, the most frequent first. One that is not learned costs b = 1 bit, one that is costs
a = 0, and they are learned one at a time in the order of their rank. Losses are in bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real
from scipy.special import zeta

from grok.science.power_law import exponent


class Exponents(NamedTuple):
    """Of the loss, which falls as x^−exponent, and of the number of subtasks learned, which rises as D^learned."""

    parameters: float
    data: float
    steps: float
    learned: float


def zipf_frequencies(n_subtasks: int, *, alpha: float) -> Float[np.ndarray, " subtask"]:
    """p_k = k^−(α+1) / Σ_j j^−(α+1), of ranks 1 … n; the reference code's `alpha` is α + 1."""
    weights: np.ndarray = np.arange(1, n_subtasks + 1, dtype=float) ** -(alpha + 1)
    return np.asarray(weights / weights.sum())


def asymptotic_exponents(alpha: float) -> Exponents:
    """α_N = α, α_D = α_S = α / (1 + α), n ∝ D^{1/(1+α)}: those of infinitely many subtasks (Sec. 2)."""
    return Exponents(parameters=alpha, data=alpha / (1 + alpha), steps=alpha / (1 + alpha), learned=1 / (1 + alpha))


def loss_with_learned(
    n_learned: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"]
) -> Float[np.ndarray, " point"]:
    """L_n = Σ_{k>n} p_k bits, exactly; between whole n the next subtask is learned in part.

    From 1 bit with none learned to 0 with all, unlike `asymptotic_loss`, which knows no last subtask.
    """
    tails = np.append(np.cumsum(frequencies[::-1])[::-1], 0.0)
    loss: np.ndarray = np.interp(n_learned, np.arange(tails.size), tails)
    return loss


def asymptotic_loss(n_learned: Real[np.ndarray, " point"], *, alpha: float) -> Float[np.ndarray, " point"]:
    """L_n ≈ n^−α / (α ζ(α + 1)) bits: the sum over infinitely many subtasks as an integral (Sec. 2)."""
    loss: np.ndarray = np.asarray(n_learned, float) ** -alpha / (alpha * zeta(alpha + 1))
    return loss


def samples_needed(frequencies: Float[np.ndarray, " subtask"], *, threshold: float) -> Float[np.ndarray, " subtask"]:
    """D_k = τ / p_k: the samples by which each subtask has been seen τ times and is learned.

    In an epoch that never ends, steps are samples by the batch size.
    """
    return threshold / frequencies


def samples_threshold(samples: Real[np.ndarray, " subtask"], frequencies: Float[np.ndarray, " subtask"]) -> float:
    """τ, the geometric mean of D_k p_k over the subtasks that were learned, from the samples that each of them took.

    One without a number was never learned and does not count; NaN where none was.
    """
    learned = np.isfinite(samples)
    seen = np.log(samples[learned] * frequencies[learned])
    return math.exp(seen.mean()) if seen.size else math.nan


def learned_with_samples(
    samples: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, threshold: float
) -> Int[np.ndarray, " point"]:
    """n(D): how many subtasks have D p_k ≥ τ."""
    needed = np.sort(samples_needed(frequencies, threshold=threshold))
    return np.searchsorted(needed, samples, side="right")


def loss_against_samples(
    samples: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, threshold: float
) -> Float[np.ndarray, " point"]:
    """L(D) in bits, a staircase: subtask k is learned when D p_k ≥ τ."""
    return loss_with_learned(learned_with_samples(samples, frequencies, threshold=threshold), frequencies)


def finite_exponent(
    prediction: Callable[[Float[np.ndarray, " point"]], Real[np.ndarray, " point"]],
    *,
    from_x: float,
    to_x: float,
    n_points: int,
) -> float:
    """The exponent that a fit over a range should find where this is the law: the local one of a task of finite size.

    By least squares in logarithms at log-spaced points. Negative where the prediction falls; NaN where it comes to 0.
    """
    x = np.geomspace(from_x, to_x, n_points)
    return exponent(x, prediction(x))


def bits_lost(
    losses: Real[np.ndarray, "*batch subtask"], frequencies: Float[np.ndarray, " subtask"]
) -> Float[np.ndarray, "*batch subtask"]:
    """p_k L_k: what each subtask adds to the mean loss, which is their sum."""
    return np.asarray(losses * frequencies)
