"""Whether losses of single examples, or of neighborhoods of examples, fall sharply with the size of the network.

Losses are shares of the loss at chance. The rule for monogenic examples is that of `quanta.emergence`. It needs losses
with little noise: the squared error of one example has as much as its mean. The largest step of a curve does not.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Real

from grok.science.quanta.emergence import KNOWN_SHARE, UNKNOWN_SHARE, monogenic_from

MIN_FALL = 2.0  # a curve that falls by a smaller factor has no largest step

Curves = Real[np.ndarray, "example size"]


def is_learned(losses: Curves) -> Bool[np.ndarray, " example"]:
    """Whether the smallest network does not know an example and the largest does."""
    return np.asarray((losses[:, 0] > UNKNOWN_SHARE) & (losses[:, -1] < KNOWN_SHARE))


def monogenic_share(losses: Curves, weights: Real[np.ndarray, " example"]) -> float:
    """The weighted share of monogenic examples among those that are learned; NaN if none are."""
    learned = is_learned(losses)
    at_most_chance = np.minimum(losses, 1)  # a loss above chance is as unknown as chance
    sharp = (monogenic_from(at_most_chance, unit="shares") >= 0) & learned
    return float((sharp @ weights) / (learned @ weights)) if learned.any() else math.nan


def monogenic_share_of_examples(
    dims: np.ndarray, x: np.ndarray, examples: np.ndarray, losses: Real[np.ndarray, "d point example"]
) -> float:
    """The share of monogenic examples among the learned ones of all d."""
    curves = losses.transpose(0, 2, 1).reshape(-1, losses.shape[1])
    return monogenic_share(curves, np.ones(len(curves)))


def plant_steps(losses: Curves) -> Float[np.ndarray, "planted size"]:
    """Curves that fall at once, from 1 to the final mean loss, at each size, with the noise of these losses.

    The noise of an example is its loss at each size divided by the mean over examples.
    """
    mean, sizes = losses.mean(0), np.arange(losses.shape[1])
    return np.concatenate([np.where(sizes < first, 1, mean[-1]) * losses / mean for first in sizes[1:]])


def monogenic_share_of_planted(
    dims: np.ndarray, x: np.ndarray, examples: np.ndarray, losses: Real[np.ndarray, "d point example"]
) -> float:
    """The power of the rule: the share that it finds monogenic among the learned ones of planted sharp curves."""
    planted = np.concatenate([plant_steps(each.T) for each in losses])
    return monogenic_share(planted, np.ones(len(planted)))


def largest_step_share(losses: Curves) -> Float[np.ndarray, " falling"]:
    """The largest fall between neighboring sizes as a share of the whole fall, both in logarithms.

    It is 1 for a curve that falls at once, and 1 / (n − 1) for a power law at n sizes with equal ratios. Only of curves
    that fall by a factor of at least `MIN_FALL`.
    """
    logarithm = np.log(losses)
    whole = logarithm[:, 0] - logarithm[:, -1]
    falls = whole >= math.log(MIN_FALL)
    return np.asarray(-np.diff(logarithm[falls], axis=1).min(1) / whole[falls])


def mean_largest_step_share(
    dims: np.ndarray, x: np.ndarray, examples: np.ndarray, losses: Real[np.ndarray, "d point example"]
) -> float:
    """The mean over all d of the mean share of the largest step; NaN if no curve of some d falls."""
    shares = [largest_step_share(each.T) for each in losses]
    return float(np.mean([each.mean() if each.size else math.nan for each in shares]))
