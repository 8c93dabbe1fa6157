"""Panels that split the mean loss by subtask, and by how often each subtask was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from grok.reports.quanta.axis_view import set_x_limits
from grok.reports.quanta.scaling import ScalingFit, SeedLosses
from grok.reports.style import GRAY, INFINITE_STYLE, set_plain_ticks
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.quantization_model import loss_by_exposure, loss_contributions, subset_bits, zipf_frequencies

SHADES = colormaps["cividis"]  # for ordered values other than ranks; readable for color-blind people
N_SHOWN = 4  # points x whose subtasks are shown
FLOOR_FACTOR = 1e-3  # smaller losses are clipped to this factor times the lowest frequency


def loss_by_rank(
    axes: Axes, dataset: xr.Dataset, *, scaling: ScalingFit, alpha: float, where: Mapping[str, Any]
) -> None:
    """p_k L_k by rank, averaged over seeds, at some x between the start of the fit and the last point.

    Subtasks that are not learned lie on the curve of the frequencies. The points of one color sum to the mean loss.
    """
    seeds = scaling.points(dataset.sel(where))
    x, losses, frequencies = _mean(seeds, alpha)
    lost = loss_contributions(losses, frequencies)
    ranks = np.arange(1, frequencies.size + 1)
    axes.plot(ranks, frequencies, color=GRAY, lw=1.0, ls=INFINITE_STYLE, label="frequency: nothing learned")
    from_x = max(x.min(), scaling.fit.get("from_x", 0.0))
    points = sorted({int(np.abs(np.log(x / each)).argmin()) for each in np.geomspace(from_x, x.max(), N_SHOWN)})
    floor = FLOOR_FACTOR * frequencies.min()
    for index, point in enumerate(points):
        color = SHADES(0.9 * index / max(1, len(points) - 1))
        label = f"{scaling.label.split()[-1]} = {x[point]:,.0f}: {lost[point].sum():.2f} bits in total"
        axes.plot(ranks, lost[point].clip(floor), "o-", color=color, ms=2.4, mew=0, lw=0.7, label=label)
    axes.set(xscale="log", yscale="log", xlabel="rank of the subtask", ylabel="bits lost:\nfrequency × loss")
    axes.legend(loc="upper right", fontsize=7, frameon=False)
    axes.set_ylim(None, 20 * frequencies.max())  # room for the legend
    set_plain_ticks(axes.xaxis)
    axes.yaxis.set_minor_locator(NullLocator())


def mean_loss_by_exposure(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    scaling: ScalingFit,
    alpha: float,
    n_bits: int,
    subset_size: int,
    where: Mapping[str, Any],
) -> None:
    """The mean loss versus examples D, split by how often its subtasks were seen and averaged over seeds.

    The parts are subtasks seen less than once, too rarely to identify their bits, too rarely to be learned by the law,
    and often enough.
    """
    seeds = scaling.points(dataset.sel(where))
    x, losses, frequencies = _mean(seeds, alpha)
    to_identify, to_learn = subset_bits(n_bits, k=subset_size), scaling.constant(seeds, alpha)
    edges = [1.0, to_identify, max(to_identify, to_learn) if np.isfinite(to_learn) else np.inf]
    parts = loss_by_exposure(x, losses, frequencies, edges=edges)
    below_one = int((x.min() * frequencies < 1).sum())
    names = (
        "less than once",
        f"too rarely to identify its bits (< {to_identify:.0f} times)",
        f"too rarely to be learned, by the law (< {to_learn:,.0f} times)",
        "often enough",
    )
    shades = [SHADES(shade) for shade in (0.0, 0.3, 0.65, 0.95)]
    axes.stackplot(x, parts.T, colors=shades, labels=names, lw=0)
    ylabel = "mean loss (bits), by how\noften the subtask was seen"
    axes.set(xscale="log", xlabel=scaling.label, ylabel=ylabel, ylim=(0, 1.5))
    caption = f"fewest examples: {below_one} of {frequencies.size} subtasks are seen less than once"
    axes.set_title(caption, fontsize=7.5, color=GRAY, loc="left")
    set_x_limits(axes, scaling, seeds)
    axes.legend(loc="upper right", fontsize=7, frameon=False, reverse=True)


def _mean(seeds: list[SeedLosses], alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, the seeds' mean losses [point, subtask] in bits, and the frequencies of the subtasks."""
    losses = np.mean([each.losses for each in seeds], axis=0) / NATS_PER_BIT
    return seeds[0].x, losses, zipf_frequencies(losses.shape[1], alpha=alpha)
