"""Whether the losses of single examples fall sharply with the size of the network: manifolds and sparse parity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from grok.records.per_run import final_values
from grok.reports.manifold.scaling_panels import DIMENSION, dimension_colors
from grok.reports.study.data import result
from grok.reports.style import GRAY, TEST
from grok.science.manifold.scaling import monogenic_share, monogenic_share_of_examples
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.quantization_model import zipf_frequencies

WIDTH = "model.width"
N_CURVES = 12  # examples whose curves are drawn


def sparse_parity_shares(*, study: str, scale: str, alpha: float) -> list[float]:
    """For each seed of a kept sweep over widths: the share of monogenic test points among those that are learned.

    A test point has the curve of its subtask, and subtasks have their frequencies.
    """
    kept = result(study=study, scale=scale)
    bits = final_values(kept, "subtask_loss").transpose("seed", "subtask", WIDTH).values / NATS_PER_BIT
    frequencies = zipf_frequencies(bits.shape[1], alpha=alpha)
    return [monogenic_share(each, frequencies) for each in bits]


def share_below_sparse_parity(*ticks_and_losses: np.ndarray, study: str, scale: str, alpha: float) -> float:
    """The mean share of sparse parity minus the share of these examples."""
    shares = sparse_parity_shares(study=study, scale=scale, alpha=alpha)
    return float(np.mean(shares) - monogenic_share_of_examples(*ticks_and_losses))


def example_curves(axes: Axes, dataset: xr.Dataset, *, dimension: int) -> None:
    """The losses of single test examples of the first seed over sizes, at one d, and their mean."""
    chosen = dataset.sel({DIMENSION: dimension}).isel(seed=0)
    losses = chosen["example_loss"].transpose("example", WIDTH).values
    axes.plot(chosen["n_parameters"], losses[:N_CURVES].T, color=GRAY, lw=0.7, alpha=0.8)
    axes.plot(chosen["n_parameters"], losses.mean(0), "o-", color=TEST, ms=3, lw=1.8, label="mean")
    axes.set(xscale="log", yscale="log", xlabel="parameters N", ylabel="loss / variance of the targets")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"d = {dimension}: {N_CURVES} test examples", fontsize=9)
    axes.legend(fontsize=8, frameon=False)


def monogenic_shares(axes: Axes, dataset: xr.Dataset, *, study: str, scale: str, alpha: float) -> None:
    """The shares of monogenic examples at each d and in sparse parity: a bar for the mean, and a dot per seed.

    A seed whose networks learn no example has no share.
    """
    dims = dataset[DIMENSION].values
    losses = dataset["example_loss"].transpose("seed", DIMENSION, "example", WIDTH).values
    groups: list[tuple[str, Sequence[float], Any]] = [
        (f"d = {d}", [monogenic_share(each, np.ones(len(each))) for each in losses[:, number]], color)
        for number, (d, color) in enumerate(zip(dims, dimension_colors(dims), strict=True))
    ]
    groups.append(("sparse\nparity", sparse_parity_shares(study=study, scale=scale, alpha=alpha), TEST))
    for place, (_, shares, color) in enumerate(groups):
        axes.bar(place, np.nanmean(shares), color=color, width=0.6, alpha=0.7)
        axes.plot([place] * len(shares), shares, "o", color="black", ms=3, mew=0)
    axes.set_xticks(range(len(groups)), [name for name, _, _ in groups])
    axes.set(ylabel="monogenic share of\nlearned test examples", ylim=(0, 1))
