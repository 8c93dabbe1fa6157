"""Whether the losses of single examples fall sharply with the size of the network: manifolds and sparse parity."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from grok.records.per_run import final_values
from grok.reports.manifold.scaling_panels import DIMENSION, WIDTH, dimension_colors
from grok.reports.study.data import result
from grok.reports.style import GRAY, TEST
from grok.science.manifold.sharpness import (
    is_learned,
    largest_step_share,
    mean_largest_step_share,
    monogenic_share,
    monogenic_share_of_examples,
)
from grok.science.quanta.emergence import KNOWN_SHARE, NATS_PER_BIT, UNKNOWN_SHARE
from grok.science.quanta.quantization_model import zipf_frequencies

N_CURVES = 12  # examples or subtasks whose curves are drawn
LOWEST = 1e-6  # of the drawn losses: the squared error of one example crosses zero


def share_below_sparse_parity(
    dims: np.ndarray,
    x: np.ndarray,
    examples: np.ndarray,
    losses: np.ndarray,
    seed: np.ndarray,
    *,
    study: str,
    scale: str,
    alpha: float,
) -> float:
    """The monogenic share of sparse parity minus that of these examples, paired by seed.

    A test example of sparse parity has the curve of its subtask, and subtasks have their frequencies.
    """
    bits = _parity_of_seed(study, scale, seed)
    parity = monogenic_share(bits, zipf_frequencies(len(bits), alpha=alpha))
    return parity - monogenic_share_of_examples(dims, x, examples, losses)


def largest_step_below_sparse_parity(
    dims: np.ndarray,
    x: np.ndarray,
    neighborhoods: np.ndarray,
    losses: np.ndarray,
    seed: np.ndarray,
    *,
    study: str,
    scale: str,
) -> float:
    """The mean share of the largest step of the subtasks of sparse parity minus that here, paired by seed."""
    parity = float(largest_step_share(_parity_of_seed(study, scale, seed)).mean())
    return parity - mean_largest_step_share(dims, x, neighborhoods, losses)


def example_curves(axes: Axes, dataset: xr.Dataset, *, dimension: int, quantity: str, name: str) -> None:
    """The losses of single examples or neighborhoods of the first seed over sizes, at one d, and their mean."""
    chosen = dataset.sel({DIMENSION: dimension}).isel(seed=0)
    losses = chosen[quantity].transpose(..., WIDTH).values
    _curves(axes, chosen["n_parameters"].values, losses)
    axes.set_ylabel("loss / variance of the targets")
    axes.set_title(f"d = {dimension}: {N_CURVES} {name}", fontsize=9)


def parity_curves(axes: Axes, dataset: xr.Dataset, *, study: str, scale: str, alpha: float) -> None:
    """The losses of the most frequent subtasks of sparse parity over sizes, in the first seed, and the mean loss."""
    kept = result(study=study, scale=scale)
    bits = _parity(kept)[0]
    _curves(axes, kept["n_parameters"].isel(seed=0).values, bits, zipf_frequencies(len(bits), alpha=alpha))
    axes.set_ylabel("loss (bits; chance is 1)")
    axes.set_title(f"sparse parity: {N_CURVES} subtasks", fontsize=9)


def monogenic_shares(axes: Axes, dataset: xr.Dataset, *, study: str, scale: str, alpha: float) -> None:
    """The shares of monogenic examples at each d and in sparse parity: a bar for the mean, and a dot per seed.

    Under each bar is how many examples, or subtasks, are learned. A seed without learned examples has no dot.
    """
    parity = _parity(result(study=study, scale=scale))
    weights = zipf_frequencies(parity.shape[1], alpha=alpha)
    by_d = dataset["example_loss"].transpose(DIMENSION, "seed", "example", WIDTH).values
    shares = [[monogenic_share(seed, np.ones(len(seed))) for seed in seeds] for seeds in by_d]
    shares.append([monogenic_share(seed, weights) for seed in parity])
    counts = [sum(int(is_learned(seed).sum()) for seed in seeds) for seeds in (*by_d, parity)]
    _bars(axes, dataset, shares, [f"{count} learned" for count in counts])
    axes.set(ylabel="monogenic share of\nlearned test examples", ylim=(0, 1))


def largest_steps(axes: Axes, dataset: xr.Dataset, *, study: str, scale: str) -> None:
    """The mean share of the largest step at each d and in sparse parity: a bar for the mean, and a dot per seed."""
    by_d = dataset["neighborhood_loss"].transpose(DIMENSION, "seed", "neighborhood", WIDTH).values
    parity = _parity(result(study=study, scale=scale))
    groups = [[largest_step_share(seed) for seed in seeds] for seeds in (*by_d, parity)]
    shares = [[each.mean() if each.size else np.nan for each in group] for group in groups]
    _bars(axes, dataset, shares, [f"{sum(each.size for each in group)} curves" for group in groups])
    axes.set(ylabel="largest step / whole fall\n(of the log loss)", ylim=(0, 1.05))


def _curves(axes: Axes, sizes: np.ndarray, losses: np.ndarray, weights: np.ndarray | None = None) -> None:
    """Draw the first curves [example, size] and the mean, with the two levels of the rule."""
    axes.plot(sizes, losses[:N_CURVES].T.clip(LOWEST), color=GRAY, lw=0.7, alpha=0.8)
    axes.plot(sizes, np.average(losses, axis=0, weights=weights), "o-", color=TEST, ms=3, lw=1.8, label="mean")
    for level, name, style in ((UNKNOWN_SHARE, "not known above .46", "--"), (KNOWN_SHARE, "known below .028", ":")):
        axes.axhline(level, color="black", lw=0.9, ls=style, label=name)
    axes.set(xscale="log", yscale="log", xlabel="parameters N", ylim=(LOWEST, 10))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=7.5, frameon=False, loc="lower left")


def _bars(axes: Axes, dataset: xr.Dataset, shares: list[list[float]], notes: list[str]) -> None:
    """Draw the values of each d and of sparse parity: a bar for the mean over seeds, and a dot per seed."""
    dims = dataset[DIMENSION].values
    colors: list[Any] = [*dimension_colors(dims), TEST]
    for place, (color, values) in enumerate(zip(colors, shares, strict=True)):
        known = [value for value in values if np.isfinite(value)]
        axes.bar(place, np.mean(known) if known else 0, color=color, width=0.6, alpha=0.7)
        axes.plot([place] * len(known), known, "o", color="black", ms=3, mew=0)
    names = [*(f"d = {d}" for d in dims), "parity"]
    labels = [f"{name}\n{note}" for name, note in zip(names, notes, strict=True)]
    axes.set_xticks(range(len(names)), labels, fontsize=7)


def _parity(kept: xr.Dataset) -> np.ndarray:
    """The final losses [seed, subtask, width] in bits of a kept sweep over widths."""
    losses: np.ndarray = final_values(kept, "subtask_loss").transpose("seed", "subtask", WIDTH).values
    return losses / NATS_PER_BIT


def _parity_of_seed(study: str, scale: str, seed: np.ndarray) -> np.ndarray:
    """The losses [subtask, width] of the kept seed with the same place; seeds beyond the kept ones begin again."""
    bits = _parity(result(study=study, scale=scale))
    of_seed: np.ndarray = bits[int(seed) % len(bits)]
    return of_seed
