"""The quantization model of neural scaling (Michaud et al. 2023, Sec. 2): predictions for a finite task.

Subtasks are ranked by frequency, the most frequent first. They are learned one at a time, in the order of their rank.
The loss of a subtask is b = 1 bit before it is learned, and a = 0 bits after. Losses are in bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real


class Exponents(NamedTuple):
    """Exponents of the loss, which falls as x^−exponent, and of the number of learned subtasks, D^learned."""

    parameters: float
    data: float
    steps: float
    ranks: float  # over steps, if subtasks take equal numbers of steps one after the other
    learned: float


def zipf_frequencies(n_subtasks: int, *, alpha: float) -> Float[np.ndarray, " subtask"]:
    """p_k = k^−(α+1) / Σ_j j^−(α+1) for ranks 1 … n; the reference code's `alpha` is α + 1."""
    weights: np.ndarray = np.arange(1, n_subtasks + 1, dtype=float) ** -(alpha + 1)
    return np.asarray(weights / weights.sum())


def asymptotic_exponents(alpha: float) -> Exponents:
    """Exponents for infinitely many subtasks: α_N = α, α_D = α_S = α / (1 + α), n ∝ D^{1/(1+α)} (Sec. 2)."""
    return Exponents(
        parameters=alpha, data=alpha / (1 + alpha), steps=alpha / (1 + alpha), ranks=alpha, learned=1 / (1 + alpha)
    )


def loss_with_learned(
    n_learned: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"]
) -> Float[np.ndarray, " point"]:
    """Mean loss L_n = Σ_{k>n} p_k in bits, exact for integer n; in between, the next subtask is learned in part.

    It falls from 1 bit for n = 0 to 0 if all are learned. For infinitely many subtasks it is about n^−α / (α ζ(α + 1));
    for finitely many it is steeper.
    """
    tails = np.append(np.cumsum(frequencies[::-1])[::-1], 0.0)
    loss: np.ndarray = np.interp(n_learned, np.arange(tails.size), tails)
    return loss


def samples_needed(frequencies: Float[np.ndarray, " subtask"], *, threshold: float) -> Float[np.ndarray, " subtask"]:
    """D_k = τ / p_k: number of samples after which a subtask has had τ samples and is learned.

    In online training the number of steps is the number of samples divided by the batch size.
    """
    return threshold / frequencies


def learned_with_samples(
    samples: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, threshold: float
) -> Int[np.ndarray, " point"]:
    """n(D): number of subtasks with D p_k ≥ τ."""
    needed = np.sort(samples_needed(frequencies, threshold=threshold))
    return np.searchsorted(needed, samples, side="right")


def loss_contributions(
    losses: Real[np.ndarray, "*batch subtask"], frequencies: Float[np.ndarray, " subtask"]
) -> Float[np.ndarray, "*batch subtask"]:
    """Contribution p_k L_k of each subtask to the mean loss, which is the sum of the contributions."""
    return np.asarray(losses * frequencies)


def subset_bits(n_bits: int, *, k: int) -> float:
    """log₂ of the number of subsets of k of n bits.

    An example of a parity gives at most one bit of information about its subset. With fewer examples than this, many
    subsets agree with all examples and differ on the next one: every learner is at chance level.
    """
    return math.log2(math.comb(n_bits, k))


def loss_by_exposure(
    samples: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point subtask"],
    frequencies: Float[np.ndarray, " subtask"],
    *,
    edges: Sequence[float],
) -> Float[np.ndarray, "point band"]:
    """Contribution to the mean loss of the subtasks in each band of exposure D p_k; the bands sum to the mean loss.

    The bands are: below the first of the `edges`, between consecutive edges, and at or above the last.
    """
    band = np.searchsorted(np.asarray(edges, float), samples[:, None] * frequencies, side="right")
    lost = loss_contributions(losses, frequencies)
    return np.stack([np.where(band == index, lost, 0).sum(-1) for index in range(len(edges) + 1)], axis=-1)
