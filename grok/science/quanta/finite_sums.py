"""Exact sums over a finite number of subtasks, where the asymptotic power laws do not hold.

Subtasks are ranked by frequency, the most frequent first; losses are in bits, 1 before a subtask is learned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, Real
from scipy.stats import binom

from grok.science.quanta.quantization_model import loss_with_learned

JointRule = Literal["larger", "sum"]


def losses_by_count(
    samples: Int[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"], *, threshold: float | int
) -> Float[np.ndarray, "point subtask"]:
    """Expected loss of each subtask, P(d_k < τ), if it is learned with at least τ of n samples.

    The number d_k of its samples is binomial with the mean n p_k. For large τ the loss is the step of
    `quantization_model.learned_with_samples`. With τ = 1 the mean is Hutter's Σ p_k (1 − p_k)^n (2021,
    arXiv:2102.04074), which for p_k ∝ k^−(α+1) and infinitely many subtasks falls as n^−α/(1+α).
    """
    probability: np.ndarray = binom.cdf(math.ceil(threshold) - 1, samples[:, None], frequencies)
    return probability


def losses_with_learned(n_learned: Real[np.ndarray, " point"], n_subtasks: int) -> Float[np.ndarray, "point subtask"]:
    """Loss of each subtask if the first n are learned, the next one in part.

    With n = N / N_c it is Nam et al.'s law of width (2024, arXiv:2404.17563): skill k has min(1, N / N_c − (k − 1)).
    """
    return np.asarray(1 - np.clip(n_learned[:, None] - np.arange(n_subtasks), 0.0, 1.0))


def learned_with_loss(
    loss: Float[np.ndarray, " point"], frequencies: Float[np.ndarray, " subtask"]
) -> Float[np.ndarray, " point"]:
    """Number of learned subtasks for a mean loss, the last one in part: the inverse of `loss_with_learned`."""
    tails = np.append(np.cumsum(frequencies[::-1])[::-1], 0.0)
    learned: np.ndarray = np.interp(-loss, -tails, np.arange(tails.size, dtype=float))
    return learned


def joint_loss(
    first: Float[np.ndarray, "*point"], second: Float[np.ndarray, "*point"], *, rule: JointRule
) -> Float[np.ndarray, "*point"]:
    """Mean loss under two limits: the larger of both losses, or their sum up to 1 bit.

    By the theory it is the larger one, because subtasks are learned in one order (Michaud et al. 2023, Sec. 2). A sum
    is the usual form of language models (Hoffmann et al. 2022).
    """
    joint: np.ndarray = np.maximum(first, second) if rule == "larger" else np.minimum(1.0, first + second)
    return joint


def losses_with_limit(
    n_learned: Real[np.ndarray, " point"],
    frequencies: Float[np.ndarray, " subtask"],
    *,
    limit: float,
    rule: JointRule,
) -> Float[np.ndarray, "point subtask"]:
    """Loss of each subtask if n are learned by one law, and a second limit leaves the mean loss `limit`."""
    mean = loss_with_learned(n_learned, frequencies)
    joint = joint_loss(mean, np.full(mean.size, limit), rule=rule)
    return losses_with_learned(learned_with_loss(joint, frequencies), frequencies.size)


def critical_batch_ratio(ratios: Mapping[int, float], *, large: int, small: int) -> float:
    """Ratio of the examples needed with batches `large` and `small`, predicted from one known ratio.

    Examples are ∝ 1 + B / B_c (McCandlish et al. 2018, arXiv:1812.06162). `ratios` has one batch size with its ratio to
    `small`, which gives B_c. NaN if that ratio is not between 1 and the ratio of the batches.
    """
    ((batch, ratio),) = ratios.items()
    if not 1 < ratio < batch / small:
        return math.nan
    critical = (batch - small * ratio) / (ratio - 1)
    return (1 + large / critical) / (1 + small / critical)
