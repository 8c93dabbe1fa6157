"""Exponents of a sweep over widths compared with those of a kept study."""

from __future__ import annotations

import numpy as np

from grok.records.per_run import per_run
from grok.reports.manifold.scaling_panels import DIMENSION, WIDTH
from grok.reports.study.data import result
from grok.science.statistics.power_law import exponent


def exponent_difference(
    dims: np.ndarray,
    widths: np.ndarray,
    losses: np.ndarray,
    sizes: np.ndarray,
    seed: np.ndarray,
    *,
    study: str,
    scale: str,
    dimension: int,
) -> float:
    """α of losses [d, width] at one d minus that of the kept seed with the same number, at the widths of both."""
    kept = result(study=study, scale=scale).sel({DIMENSION: dimension, "seed": int(seed)})
    shared = np.intersect1d(widths, kept[WIDTH].values)
    there = kept.sel({WIDTH: shared})
    row, columns = int(np.flatnonzero(dims == dimension)[0]), np.isin(widths, shared)
    ours = -exponent(sizes[row, columns], losses[row, columns])
    return ours + exponent(there["n_parameters"].values, per_run(there, "test_loss").values)
