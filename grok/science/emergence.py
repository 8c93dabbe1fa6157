"""Which subtasks or tokens are learned, when, in what order and how suddenly (Michaud et al. 2023).

All losses are in bits; those in nats are to be divided by `NATS_PER_BIT` first. Those of which it is asked whether they
are monogenic or polygenic are in shares of what ignorance costs: bits of a parity, nats by `IGNORANCE` of a token.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.stats import spearmanr

from grok.science.curves import first_below, transition_width
from grok.science.straight_line import straight_line

NATS_PER_BIT = math.log(2)
# The reference counts what is learned below 0.1 nats (scaling-exp-vs-zipf-exp.ipynb, Fig. 9) …
LEARNED = 0.1 / NATS_PER_BIT
CONVERGED = 0.1  # … and takes convergence steps at 0.1 bits (sparse-parity-timeseries.ipynb, Fig. 8)
# Its rules for tokens (ten-million-scaling-curves.ipynb) are in nats, and nats per e-fold of parameters. Ignorance of a
# token costs ln 50,304 nats (the vocabulary of Pythia's), that of a parity 1 bit: as shares of it they are of any task.
IGNORANCE = math.log(50_304)
UNKNOWN, KNOWN = 5.0 / IGNORANCE, 0.3 / IGNORANCE
STEADY_SLOPE, STEADY_R_SQUARED = -0.3 / IGNORANCE, 0.98


def n_learned(losses: Real[np.ndarray, "*batch subtask"], *, below: float) -> Int[np.ndarray, "*batch"]:
    """How many subtasks have a loss below the threshold; the reference takes each one's least loss over the run."""
    return np.asarray((losses < below).sum(-1))


def convergence_steps(
    steps: Real[np.ndarray, " look"], losses: Real[np.ndarray, "look subtask"], *, below: float
) -> Float[np.ndarray, " subtask"]:
    """The step of the first look at which each subtask's loss is below the threshold; NaN where it never is."""
    found = np.array([first_below(steps, loss, level=below) for loss in losses.T])
    return np.where(np.isfinite(found), found, np.nan)


def order_of_learning(converged: Float[np.ndarray, " subtask"]) -> float:
    """Spearman's correlation of rank and convergence step: 1 where the more frequent is always learned first.

    Subtasks that were never learned (NaN) are left out, as in Fig. 8: their order is not known, and tied at the end
    they would hold even a perfect order below 1. NaN where fewer than three were learned or all at one step.
    """
    ranks = np.flatnonzero(np.isfinite(converged))
    if ranks.size < 3 or np.ptp(converged[ranks]) == 0:
        return math.nan
    return float(spearmanr(ranks, converged[ranks]).statistic)


def transition_decades(
    steps: Int[np.ndarray, " look"], losses: Real[np.ndarray, "look subtask"]
) -> Float[np.ndarray, " subtask"]:
    """Decades of steps in which each subtask's loss falls from 90 % to 10 % of 1 bit.

    Between the crossings that `transition_width` takes, interpolated in log10 of the step; step 0 has none and is left
    out. NaN where the loss begins below 90 % or never comes to 10 %.
    """
    late = steps > 0
    widths = [transition_width(np.log10(steps[late]), 1 - loss[late]) for loss in losses.T]
    return np.array([math.nan if width is None else width for width in widths])


def monogenic_from(losses: Real[np.ndarray, "*batch model"]) -> Int[np.ndarray, "*batch"]:
    """From which model on (0, 1, …, by size) a subtask or token is known that was not before; −1: none.

    By shares of what ignorance costs, which losses in bits of a parity are: above .46 (5 nats of a token) for all
    smaller models, of which there is one at least, and below .028 (0.3 nats) for it and all larger ones.
    """
    before = np.logical_and.accumulate(losses > UNKNOWN, axis=-1)[..., :-1]
    after = np.logical_and.accumulate((losses < KNOWN)[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    sharp = before & after
    return np.where(sharp.any(-1), sharp.argmax(-1) + 1, -1)


def is_polygenic(
    losses: Real[np.ndarray, "*batch model"], n_parameters: Real[np.ndarray, " model"]
) -> Bool[np.ndarray, "*batch"]:
    """Whether a loss falls steadily with scale: a line against ln N of R² above .98, which falls by more than .028 of
    what ignorance costs (0.3 nats of a token) with every e-fold of N."""
    line = straight_line(np.log(n_parameters), losses)
    return np.asarray((line.slope < STEADY_SLOPE) & (line.r_squared > STEADY_R_SQUARED))
