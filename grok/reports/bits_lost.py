"""Panels of where the mean loss comes from: what each subtask adds to it, and how often those had been seen that do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from grok.reports.losses import INFINITE, plain_ticks, view
from grok.reports.scaling import Points, Scaling
from grok.reports.style import NEUTRAL
from grok.science.emergence import NATS_PER_BIT
from grok.science.quanta import bits_lost, bits_lost_by_times_seen, bits_of_a_subset, zipf_frequencies

SHADES = colormaps["cividis"]  # of what is ordered and is no rank: told apart without seeing colours
SHOWN = 4  # points x of which the subtasks are shown
LEAST = 1e-3  # times the frequency of the rarest: what adds less is drawn there


def by_rank(axes: Axes, dataset: xr.Dataset, *, against: Scaling, alpha: float, where: Mapping[str, Any]) -> None:
    """p_k L_k by rank at some x from where the fit begins to the last, the mean of the seeds: what is not learned lies
    on the frequencies, and the points of one colour sum to the mean loss."""
    seeds = against.points(dataset.sel(where))
    x, losses, frequencies = _mean(seeds, alpha)
    lost = bits_lost(losses, frequencies)
    ranks = np.arange(1, frequencies.size + 1)
    axes.plot(ranks, frequencies, color=NEUTRAL, lw=1.0, ls=INFINITE, label="nothing learned: the frequency")
    begins = max(x.min(), against.fit.get("from_x", 0.0))
    some = sorted({int(np.abs(np.log(x / each)).argmin()) for each in np.geomspace(begins, x.max(), SHOWN)})
    for number, at in enumerate(some):
        colour = SHADES(0.9 * number / max(1, len(some) - 1))
        label = f"{against.label.split()[-1]} = {x[at]:,.0f}: {lost[at].sum():.2f} bits in all"
        floor = LEAST * frequencies.min()
        axes.plot(ranks, lost[at].clip(floor), "o-", color=colour, ms=2.4, mew=0, lw=0.7, label=label)
    axes.set(xscale="log", yscale="log", xlabel="rank of the subtask", ylabel="bits lost: frequency\nby own loss")
    axes.legend(loc="upper right", fontsize=7, frameon=False)
    axes.set_ylim(None, 20 * frequencies.max())  # with room for the names
    plain_ticks(axes.xaxis)
    axes.yaxis.set_minor_locator(NullLocator())


def by_times_seen(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    against: Scaling,
    alpha: float,
    n_bits: int,
    k: int,
    where: Mapping[str, Any],
) -> None:
    """The mean loss against examples D in parts: of the subtasks seen less than once among them, less often than tells
    which bits they add, less often than is learned by the law, and oftener; the mean of the seeds."""
    seeds = against.points(dataset.sel(where))
    x, losses, frequencies = _mean(seeds, alpha)
    told, often = bits_of_a_subset(n_bits, k=k), against.constant(seeds, alpha)
    edges = [1.0, told, max(told, often) if np.isfinite(often) else np.inf]
    parts = bits_lost_by_times_seen(x, losses, frequencies, edges=edges)
    below_one = int((x.min() * frequencies < 1).sum())
    names = (
        "less than once",
        f"too rarely to tell its bits (less than {told:.0f} times)",
        f"too rarely to be learned (by the law, less than {often:,.0f} times)",
        "often enough",
    )
    shades = [SHADES(shade) for shade in (0.0, 0.3, 0.65, 0.95)]
    axes.stackplot(x, parts.T, colors=shades, labels=names, lw=0)
    axes.set(
        xscale="log",
        xlabel=against.label,
        ylabel="mean loss (bits), by how often\nits subtasks were seen",
        ylim=(0, 1.5),
    )
    told_of = f"seen less than once by the fewest examples: {below_one} of {frequencies.size} subtasks"
    axes.set_title(told_of, fontsize=7.5, color=NEUTRAL, loc="left")
    view(axes, against, seeds)
    axes.legend(loc="upper right", fontsize=7, frameon=False, reverse=True)


def _mean(seeds: list[Points], alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, the mean of the seeds' losses [point, subtask] there in bits, and the subtasks' frequencies."""
    losses = np.mean([each.losses for each in seeds], axis=0) / NATS_PER_BIT
    return seeds[0].x, losses, zipf_frequencies(losses.shape[1], alpha=alpha)
