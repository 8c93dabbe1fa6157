"""Whether the losses of single examples fall sharply with the size of the network: manifolds and sparse parity."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from grok.records.per_run import final_values
from grok.reports.manifold.scaling_panels import DIMENSION, dimension_colors
from grok.reports.study.data import result
from grok.reports.style import GRAY, TEST
from grok.science.manifold.scaling import is_learned, monogenic_share, monogenic_share_of_examples
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.quantization_model import zipf_frequencies

WIDTH = "model.width"
N_CURVES = 12  # examples whose curves are drawn


def share_below_sparse_parity(*ticks_and_losses: np.ndarray, study: str, scale: str, alpha: float) -> float:
    """The mean share of sparse parity minus the share of these examples.

    A test example of sparse parity has the curve of its subtask, and subtasks have their frequencies.
    """
    shares = _shares(*_parity(study, scale, alpha))
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

    Under each bar is how many examples, or subtasks, are learned. A seed that learns none has no share.
    """
    dims = dataset[DIMENSION].values
    losses = dataset["example_loss"].transpose(DIMENSION, "seed", "example", WIDTH).values
    groups: list[tuple[str, Any, np.ndarray, np.ndarray]] = [
        (f"d = {d}", color, each, np.ones(each.shape[1]))
        for d, color, each in zip(dims, dimension_colors(dims), losses, strict=True)
    ]
    groups.append(("sparse parity", TEST, *_parity(study, scale, alpha)))
    for place, (_, color, each, weights) in enumerate(groups):
        shares = [share for share in _shares(each, weights) if np.isfinite(share)]
        axes.bar(place, np.mean(shares) if shares else 0, color=color, width=0.6, alpha=0.7)
        axes.plot([place] * len(shares), shares, "o", color="black", ms=3, mew=0)
    counts = [sum(int(is_learned(seed).sum()) for seed in each) for _, _, each, _ in groups]
    names = [f"{name}\n({count} learned)" for (name, *_), count in zip(groups, counts, strict=True)]
    axes.set_xticks(range(len(groups)), names, fontsize=7.5)
    axes.set(ylabel="monogenic share of\nlearned test examples", ylim=(0, 1))


def _parity(study: str, scale: str, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """The final losses [seed, subtask, width] in bits of a kept sweep over widths, and the subtasks' frequencies."""
    kept = result(study=study, scale=scale)
    bits = final_values(kept, "subtask_loss").transpose("seed", "subtask", WIDTH).values / NATS_PER_BIT
    return bits, zipf_frequencies(bits.shape[1], alpha=alpha)


def _shares(losses: np.ndarray, weights: np.ndarray) -> list[float]:
    """The monogenic share of each seed's losses [seed, example, size]."""
    return [monogenic_share(each, weights) for each in losses]
