"""Convergence step of each subtask versus its frequency (Michaud et al. 2023, Fig. 8, right)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.run.plots import Plot
from grok.reports.style import (
    FINITE_STYLE,
    GRAY,
    INFINITE_STYLE,
    PALETTE,
    RC,
    TRAIN,
    format_interval,
    format_signed,
    save_figure,
    set_log_ticks,
)
from grok.science.quanta.emergence import CONVERGED_BITS, NATS_PER_BIT, convergence_steps, learning_order_correlation
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.statistics.power_law import power_law


class Convergence(Plot):
    """The convergence step of each subtask of a run versus its frequency."""

    title = "When subtasks are learned"
    needs = ("subtask_loss",)

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the steps, the power law through them, and the slope of the theory."""
        alpha = float(json.loads(record.attrs["config"])["task"]["alpha"])
        steps = _convergence_steps(record)
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(5.0, 3.6), layout="constrained")
            axes = figure.add_subplot()
            _draw_steps(axes, [steps], alpha, TRAIN, name="")
            _draw_slopes(axes, [steps], alpha, None)
            caption = f"{np.isfinite(steps).sum()} of {record.sizes['subtask']} subtasks learned"
            axes.annotate(caption, (0.02, 0.03), xycoords="axes fraction", fontsize=7.5, color=GRAY)
            save_figure(figure, path, vector=False)
        return path


@dataclass(frozen=True, kw_only=True)
class PublishedSlope:
    """The published slope, at this α and with `n_subtasks` subtasks, and the convergence steps by rank."""

    slope: float
    alpha: float
    n_subtasks: int
    steps: Mapping[int, int]


def convergence_versus_frequency(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    alpha: float,
    key: str,
    name: str,
    published: PublishedSlope | None,
    where: Mapping[str, Any],
) -> None:
    """Convergence steps of all seeds, with a power law through those of each value of `key`.

    `name` is the format of the legend's entries, {} the value. The published slope is drawn only at its α, and the
    published steps only if the number of subtasks is the same, too.
    """
    chosen = dataset.sel(where)
    by_name = {name.format(each): chosen.sel({key: each}) for each in chosen[key].values}
    steps = {
        label: [_convergence_steps(part.sel(seed=seed)) for seed in part["seed"].values]
        for label, part in by_name.items()
    }
    for (label, seeds), color in zip(steps.items(), (TRAIN, *PALETTE[1:]), strict=False):
        _draw_steps(axes, seeds, alpha, color, name=label)
    _draw_slopes(axes, [seed for seeds in steps.values() for seed in seeds], alpha, published)


def _convergence_steps(record: xr.Dataset) -> np.ndarray:
    """The convergence step of each subtask of one run; NaN if it is never learned."""
    losses = record["subtask_loss"].transpose("step", "subtask").values / NATS_PER_BIT
    evaluated = np.isfinite(losses).all(1)
    return convergence_steps(record["step"].values[evaluated], losses[evaluated], below=CONVERGED_BITS)


def _draw_steps(axes: Axes, seeds: Sequence[np.ndarray], alpha: float, color: str, *, name: str) -> None:
    """Draw the seeds' steps, the power law through them, and in the legend its slope and the order of learning."""
    frequencies = np.tile(zipf_frequencies(seeds[0].size, alpha=alpha), len(seeds))
    steps, groups = np.concatenate(seeds), np.repeat(range(len(seeds)), seeds[0].size)
    learned = np.isfinite(steps)
    x, y = frequencies[learned], steps[learned]
    if not x.size:
        return
    fit = power_law(x, y, groups=groups[learned])
    order = float(np.mean([learning_order_correlation(each) for each in seeds]))
    ends = np.array([x.min(), x.max()])
    ordered = f", Spearman {format_signed(order)}" if np.isfinite(order) else ""
    result = f"slope {format_signed(fit.exponent)}{format_interval(fit)}{ordered}"
    label = name + (result if np.isfinite(fit.exponent) else "too few learned subtasks for a fit")
    axes.plot(x, y, "o", color=color, ms=3.8, mew=0, alpha=0.6)
    axes.plot(ends, fit.coefficient * ends**fit.exponent, color=color, lw=1.5, label=label)


def _draw_slopes(axes: Axes, seeds: Sequence[np.ndarray], alpha: float, published: PublishedSlope | None) -> None:
    """Draw the slope of the theory and the one published for this α through the mean point, and set up the axes."""
    steps, n = np.concatenate(seeds), seeds[0].size
    learned = np.isfinite(steps)
    x, y = (np.log(each[learned]) for each in (np.tile(zipf_frequencies(n, alpha=alpha), len(seeds)), steps))
    slopes: list[tuple[str, float, Any]] = [("theory", -1.0, INFINITE_STYLE)]
    if published is not None and math.isclose(published.alpha, alpha):
        name = f"published, α = {published.alpha:g}, {published.n_subtasks} subtasks"
        slopes.append((name, published.slope, FINITE_STYLE))
        if published.n_subtasks == n:
            ranks = np.array([*published.steps])
            hollow: Any = {"mfc": "none", "mec": "black", "mew": 0.9, "ms": 6, "label": "published steps"}
            axes.plot(zipf_frequencies(n, alpha=alpha)[ranks - 1], [*published.steps.values()], "o", **hollow)
    if x.size:
        ends = np.array([x.min(), x.max()])
        for name, slope, style in slopes:
            line = np.exp(y.mean() + slope * (ends - x.mean()))
            label = f"{name}: slope {format_signed(slope)}"
            axes.plot(np.exp(ends), line, color="black", lw=1.0, ls=style, label=label)
    axes.set(xlabel="frequency of the subtask", ylabel="step at which it is learned", xscale="log")
    if not x.size:
        axes.set(xlim=(zipf_frequencies(n, alpha=alpha).min(), 1), yticks=[])
        return
    axes.set(yscale="log", ylim=(None, 8 * np.exp(y.max())))  # room for the legend
    for axis in (axes.xaxis, axes.yaxis):
        set_log_ticks(axis)
    axes.legend(loc="upper right", fontsize=7.5, frameon=False, handlelength=2.4)
