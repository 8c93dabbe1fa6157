"""The quantization model of neural scaling (Michaud et al. 2023, Sec. 2): what theory predicts for a finite task.

Subtasks are ranked by frequency, the most frequent first. One that is not learned costs b = 1 bit, one that is costs
a = 0, and they are learned one at a time in the order of their rank. Losses are in bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real


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

    From 1 bit with none learned to 0 with all. Of infinitely many subtasks it is about n^−α / (α ζ(α + 1)); that of
    finitely many is steeper.
    """
    tails = np.append(np.cumsum(frequencies[::-1])[::-1], 0.0)
    loss: np.ndarray = np.interp(n_learned, np.arange(tails.size), tails)
    return loss


def samples_needed(frequencies: Float[np.ndarray, " subtask"], *, threshold: float) -> Float[np.ndarray, " subtask"]:
    """D_k = τ / p_k: the samples by which each subtask has been seen τ times and is learned.

    In an epoch that never ends, steps are samples by the batch size.
    """
    return threshold / frequencies


def learned_with_samples(
    samples: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, threshold: float
) -> Int[np.ndarray, " point"]:
    """n(D): how many subtasks have D p_k ≥ τ."""
    needed = np.sort(samples_needed(frequencies, threshold=threshold))
    return np.searchsorted(needed, samples, side="right")


def bits_lost(
    losses: Real[np.ndarray, "*batch subtask"], frequencies: Float[np.ndarray, " subtask"]
) -> Float[np.ndarray, "*batch subtask"]:
    """p_k L_k: what each subtask adds to the mean loss, which is their sum."""
    return np.asarray(losses * frequencies)


def bits_of_a_subset(n_bits: int, *, k: int) -> float:
    """log₂ of how many subsets of k of n bits there are. An example of a parity tells one bit of which of them it adds
    at most, so with fewer examples many subsets are left that agree with all of them and not on the next: no learner
    knows better than chance."""
    return math.log2(math.comb(n_bits, k))


def bits_lost_by_times_seen(
    samples: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    *,
    edges: Sequence[float],
) -> Float[np.ndarray, "point band"]:
    """The part of the mean loss of those subtasks that D samples have so often: D p_k below the first of the `edges`,
    between each and the next, and at the last or above. They sum to the mean loss."""
    band = np.searchsorted(np.asarray(edges, float), samples[:, None] * frequencies, side="right")
    lost = bits_lost(losses, frequencies)
    return np.stack([np.where(band == number, lost, 0).sum(-1) for number in range(len(edges) + 1)], axis=-1)
