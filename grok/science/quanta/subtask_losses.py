"""Numbers computed from the losses of subtasks and their mean, for claims about the quantization model.

Losses are in nats, as in records, over points x: evaluation steps of one network, or networks of increasing size or
training set. Ranks are those of the subtasks, the most frequent first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int, Real

from grok.science.quanta.emergence import (
    CONVERGED_BITS,
    LEARNED_BITS,
    NATS_PER_BIT,
    convergence_steps,
    learning_order_correlation,
    n_learned,
    transition_decades,
)
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.statistics import power_law
from grok.science.statistics.curves import first_below


def learning_order(
    steps: Int[np.ndarray, " step"], ranks: Int[np.ndarray, " subtask"], losses: Real[np.ndarray, "step subtask"]
) -> float:
    """Spearman's correlation of rank and convergence step, for the subtasks that were learned."""
    return learning_order_correlation(convergence_steps(steps, losses / NATS_PER_BIT, below=CONVERGED_BITS))


def last_over_first(
    steps: Int[np.ndarray, " step"], ranks: Int[np.ndarray, " subtask"], losses: Real[np.ndarray, "step subtask"]
) -> float:
    """Convergence step of the rarest subtask divided by that of the most frequent; infinite if one is never learned."""
    converged = convergence_steps(steps, losses / NATS_PER_BIT, below=CONVERGED_BITS)
    return float(converged[-1] / converged[0]) if np.isfinite(converged[[0, -1]]).all() else math.inf


def convergence_exponent(
    steps: Int[np.ndarray, " step"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "step subtask"],
    *,
    alpha: float,
) -> float:
    """k in S ∝ p^k, for the convergence steps S and the frequencies p of the subtasks that were learned."""
    converged = convergence_steps(steps, losses / NATS_PER_BIT, below=CONVERGED_BITS)
    learned = np.isfinite(converged)
    return power_law.exponent(zipf_frequencies(ranks.size, alpha=alpha)[learned], converged[learned])


def convergence_exponent_minus_published(
    steps: Int[np.ndarray, " step"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "step subtask"],
    *,
    alpha: float,
    published: Mapping[int, int],
) -> float:
    """k in S ∝ p^k minus the published k, both over those ranks of `published` that were learned here.

    `published` maps the rank of a subtask to its convergence step.
    """
    converged = convergence_steps(steps, losses / NATS_PER_BIT, below=CONVERGED_BITS)
    learned = [rank for rank in published if rank <= ranks.size and np.isfinite(converged[rank - 1])]
    frequencies = zipf_frequencies(ranks.size, alpha=alpha)[np.array(learned, int) - 1]
    theirs = np.array([published[rank] for rank in learned])
    ours = converged[np.array(learned, int) - 1]
    return power_law.exponent(frequencies, ours) - power_law.exponent(frequencies, theirs)


def examples_ratio(
    batches: Int[np.ndarray, " batch"],
    steps: Int[np.ndarray, " step"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "batch step subtask"],
    *,
    numerator: int,
    denominator: int,
) -> float:
    """Ratio of the examples needed to learn a subtask, between two batch sizes `numerator` and `denominator`.

    It is the geometric mean over the subtasks learned with both. If learning depends on the number of examples, the
    ratio is 1; if it depends on the number of steps, the ratio is numerator / denominator.
    """
    examples = {
        size: size * convergence_steps(steps, size_losses / NATS_PER_BIT, below=CONVERGED_BITS)
        for size, size_losses in zip(batches.tolist(), losses, strict=True)
    }
    if not {numerator, denominator} <= examples.keys():
        return math.nan
    ratio = examples[numerator] / examples[denominator]
    return float(np.exp(np.nanmean(np.log(ratio)))) if np.isfinite(ratio).any() else math.nan


def median_transition_width(
    steps: Int[np.ndarray, " step"], ranks: Int[np.ndarray, " subtask"], losses: Real[np.ndarray, "step subtask"]
) -> float:
    """Median over subtasks of the decades of steps from 90 % to 10 % of a bit, for the subtasks that reach both."""
    widths = transition_decades(steps, losses / NATS_PER_BIT)
    return float(np.nanmedian(widths)) if np.isfinite(widths).any() else math.nan


def relative_transition_width(
    steps: Int[np.ndarray, " step"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "step subtask"],
    mean: Real[np.ndarray, " step"],
) -> float:
    """Median transition width of the subtasks divided by that of the mean loss.

    The transition of the mean is from 90 % to 10 % of a bit, or to the last step if the mean does not reach 10 %.
    """
    start, end = (first_below(steps, mean, level=share * NATS_PER_BIT) for share in (0.9, 0.1))
    end = min(end, float(steps[-1]))
    return median_transition_width(steps, ranks, losses) / math.log10(end / start) if start < end else math.nan


def loss_exponent(
    x: Real[np.ndarray, " point"],
    mean: Real[np.ndarray, " point"],
    *,
    from_x: float | int = 0.0,
    to_x: float | int = math.inf,
    from_bits: float | int = math.inf,
    to_bits: float | int = 0.0,
    every: int | float | None = None,
) -> float:
    """k in L ∝ x^−k of the mean loss, from where the loss first is below `from_bits` to where it is below `to_bits`.

    With `every`, the fit uses the multiples of `every` instead of the points. NaN if the loss never is below `to_bits`.
    """
    start = fit_start(x, mean, from_x=from_x, from_bits=from_bits)
    to_x = fit_end(x, mean, to_x=to_x, to_bits=to_bits)
    if every is not None:
        x, mean = power_law.interpolate_at_multiples(x, mean, every=every)
    return -power_law.exponent(x, mean, from_x=start, to_x=to_x)


def median_factor_of_published(
    x: Real[np.ndarray, " point"], mean: Real[np.ndarray, " point"], *, published: Sequence[Sequence[float | int]]
) -> float:
    """Median factor, in either direction, between the mean loss and the published values [x, bits] within its range.

    The mean loss is interpolated linearly in logarithms. NaN if no published x is in its range.
    """
    positive = x > 0
    their_x, bits = np.array(published, float).T
    within = (their_x >= x[positive].min()) & (their_x <= x[positive].max())
    if not within.any():
        return math.nan
    ours = np.interp(np.log(their_x[within]), np.log(x[positive]), np.log(mean[positive] / NATS_PER_BIT))
    return float(np.exp(np.median(np.abs(ours - np.log(bits[within])))))


def fit_start(
    x: Real[np.ndarray, " point"],
    mean: Real[np.ndarray, " point"],
    *,
    from_x: float | int = 0.0,
    from_bits: float | int = math.inf,
) -> float:
    """First x of a fit: at least `from_x`, and with a loss below `from_bits`; infinite if the loss never is."""
    return float(max(from_x, first_below(x, mean, level=from_bits * NATS_PER_BIT)))


def fit_end(
    x: Real[np.ndarray, " point"],
    mean: Real[np.ndarray, " point"],
    *,
    to_x: float | int = math.inf,
    to_bits: float | int = 0.0,
) -> float:
    """Last x of a fit: at most `to_x`, and at most the first x with a loss below `to_bits`; NaN if there is none."""
    reached = first_below(x, mean, level=to_bits * NATS_PER_BIT) if to_bits > 0 else math.inf
    return math.nan if to_bits > 0 and math.isinf(reached) else float(min(to_x, reached))


def learned_count_exponent(
    x: Real[np.ndarray, " point"],
    ranks: Int[np.ndarray, " subtask"],
    losses: Real[np.ndarray, "point subtask"],
    *,
    to_x: float | int = math.inf,
) -> float:
    """k in n ∝ x^k of the number n of learned subtasks, over the points with n > 0."""
    return count_exponent(x, n_learned(losses / NATS_PER_BIT, below=LEARNED_BITS), to_x=to_x)


def count_exponent(
    x: Real[np.ndarray, " point"], learned: Int[np.ndarray, " point"], *, to_x: float | int = math.inf
) -> float:
    """k in n ∝ x^k of given counts n, over the points with n > 0."""
    is_positive = learned > 0
    return power_law.exponent(x[is_positive], learned[is_positive], to_x=to_x)


def max_deviation_from_published(
    alphas: Float[np.ndarray, " alpha"],
    x: Real[np.ndarray, " point"],
    means: Real[np.ndarray, "alpha point"],
    *,
    published: Mapping[float, float],
    **fit_range: int | float,
) -> float:
    """Largest absolute difference over α between the exponent of the mean loss and the published exponent.

    `published` maps α to the exponent. `fit_range` holds the range arguments of `loss_exponent`.
    """
    differences = [
        loss_exponent(x, mean, **fit_range) - published.get(round(float(alpha), 9), math.nan)
        for alpha, mean in zip(alphas, means, strict=True)
    ]
    return float(np.abs(differences).max())
