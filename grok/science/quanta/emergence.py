"""Learning of subtasks or tokens: which are learned, when, in what order and how suddenly (Michaud et al. 2023).

Losses are in bits; divide nats by `NATS_PER_BIT`. The rules for monogenic and polygenic losses take nats, bits or
shares of the chance-level loss, by `unit`.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.stats import spearmanr

from grok.science.statistics.curves import first_below, transition_width
from grok.science.statistics.linear_fit import linear_fit

NATS_PER_BIT = math.log(2)
# The reference counts subtasks as learned below 0.1 nats (scaling-exp-vs-zipf-exp.ipynb, Fig. 9),
# but defines convergence steps by 0.1 bits (sparse-parity-timeseries.ipynb, Fig. 8).
LEARNED_BITS = 0.1 / NATS_PER_BIT
CONVERGED_BITS = 0.1
# The reference's rules for tokens (ten-million-scaling-curves.ipynb) are in nats, and in nats per e-fold of parameters.
# The chance-level loss is ln 50,304 nats for a token (Pythia's vocabulary), and 1 bit for a parity. As shares of the
# chance-level loss, the rules apply to any task; the bits of a parity are shares.
CHANCE_NATS = math.log(50_304)
CHANCE_LEVELS = {"nats": CHANCE_NATS, "bits": CHANCE_NATS / NATS_PER_BIT, "shares": 1.0}  # by the unit of a loss
UNKNOWN_SHARE, KNOWN_SHARE = 5.0 / CHANCE_NATS, 0.3 / CHANCE_NATS
STEADY_SLOPE, STEADY_R_SQUARED = -0.3 / CHANCE_NATS, 0.98
ROUNDING = 1e-3  # share of the chance-level loss by which half precision may round a loss below 0
MAX_MEAN_SHARE = 2


def n_learned(losses: Real[np.ndarray, "*batch subtask"], *, below: float) -> Int[np.ndarray, "*batch"]:
    """Number of subtasks with a loss below the threshold; the reference uses each one's minimum over the run."""
    return np.asarray((losses < below).sum(-1))


def convergence_steps(
    steps: Real[np.ndarray, " step"], losses: Real[np.ndarray, "step subtask"], *, below: float
) -> Float[np.ndarray, " subtask"]:
    """First evaluation step at which each subtask's loss is below the threshold; NaN if it never is."""
    converged = np.array([first_below(steps, loss, level=below) for loss in losses.T])
    return np.where(np.isfinite(converged), converged, np.nan)


def learning_order_correlation(converged: Float[np.ndarray, " subtask"]) -> float:
    """Spearman's correlation of rank and convergence step: 1 if more frequent subtasks are always learned first.

    Subtasks that were never learned (NaN) are omitted, as in Fig. 8. Their order is unknown; as ties at the end they
    would keep even a perfect order below 1. NaN if fewer than three were learned, or all at the same step.
    """
    ranks = np.flatnonzero(np.isfinite(converged))
    if ranks.size < 3 or np.ptp(converged[ranks]) == 0:
        return math.nan
    return float(spearmanr(ranks, converged[ranks]).statistic)


def transition_decades(
    steps: Int[np.ndarray, " step"], losses: Real[np.ndarray, "step subtask"]
) -> Float[np.ndarray, " subtask"]:
    """Decades of steps in which each subtask's loss falls from 90 % to 10 % of 1 bit.

    The crossings are those of `transition_width`, interpolated in log10 of the step; step 0 has no logarithm and is
    omitted. NaN if the loss starts below 90 % or never reaches 10 %.
    """
    late = steps > 0
    widths = [transition_width(np.log10(steps[late]), 1 - loss[late]) for loss in losses.T]
    return np.array([math.nan if width is None else width for width in widths])


def shares_of_chance(losses: Real[np.ndarray, "*batch model"], *, unit: str) -> Float[np.ndarray, "*batch model"]:
    """The losses of subtasks or tokens as shares of the chance-level loss; missing losses are NaN.

    Raises:
        ValueError: the unit is not nats, bits or shares, a loss is negative by more than rounding, or shares have a
            mean above 2, which no trained network has.
    """
    if unit not in CHANCE_LEVELS:
        raise ValueError(f"unit={unit}: must be one of {', '.join(CHANCE_LEVELS)}")
    shares = np.asarray(losses, float) / CHANCE_LEVELS[unit]
    if (shares < -ROUNDING).any():
        raise ValueError(f"a loss is {np.nanmin(losses):.3g} {unit}: must be at least 0")
    known = np.isfinite(shares)
    if unit == "shares" and known.any() and (mean := shares[known].mean()) > MAX_MEAN_SHARE:
        raise ValueError(f"the losses have the mean {mean:.3g}: these are no shares of the chance-level loss")
    return shares


def monogenic_from(losses: Real[np.ndarray, "*batch model"], *, unit: str) -> Int[np.ndarray, "*batch"]:
    """Index of the first model (0, 1, …, by size) that knows a monogenic subtask or token; −1 if it is not monogenic.

    All smaller models, at least one, must have a loss above .46 of the chance-level loss (5 nats for a token). This
    model and all larger ones must have a loss below .028 (0.3 nats).

    Raises:
        ValueError: the losses are not in this unit (`shares_of_chance`).
    """
    shares = shares_of_chance(losses, unit=unit)
    before = np.logical_and.accumulate(shares > UNKNOWN_SHARE, axis=-1)[..., :-1]
    after = np.logical_and.accumulate((shares < KNOWN_SHARE)[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    sharp = before & after
    return np.where(sharp.any(-1), sharp.argmax(-1) + 1, -1)


def is_polygenic(
    losses: Real[np.ndarray, "*batch model"], n_parameters: Real[np.ndarray, " model"], *, unit: str
) -> Bool[np.ndarray, "*batch"]:
    """Whether a loss falls steadily with scale: a line versus ln N with R² above .98 and a steep slope.

    The loss must fall by more than .028 of the chance-level loss (0.3 nats for a token) per e-fold of N.

    Raises:
        ValueError: the losses are not in this unit (`shares_of_chance`).
    """
    line = linear_fit(np.log(n_parameters), shares_of_chance(losses, unit=unit))
    return np.asarray((line.slope < STEADY_SLOPE) & (line.r_squared > STEADY_R_SQUARED))
