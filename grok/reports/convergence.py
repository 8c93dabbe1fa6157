"""When each subtask is learned against how frequent it is (Michaud et al. 2023, Fig. 8, right)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.figure import RC, save
from grok.reports.losses import FINITE, INFINITE, interval, signed
from grok.reports.style import LINES, NEUTRAL, TRAIN
from grok.science.emergence import CONVERGED, NATS_PER_BIT, convergence_steps, order_of_learning
from grok.science.power_law import power_law
from grok.science.quanta import zipf_frequencies


class Convergence:
    """The step at which each subtask of a run is learned against its frequency."""

    title = "When subtasks are learned"
    needs = ("subtask_loss",)

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the steps, the power law through them, and that of theory."""
        alpha = float(json.loads(record.attrs["config"])["task"]["alpha"])
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(5.0, 3.6), layout="constrained")
            axes = figure.add_subplot()
            _kind(axes, [_converged(record)], alpha, TRAIN, name="")
            _laws(axes, [_converged(record)], alpha, {})
            told = f"{np.isfinite(_converged(record)).sum()} of {record.sizes['subtask']} subtasks are learned"
            axes.annotate(told, (0.02, 0.03), xycoords="axes fraction", fontsize=7.5, color=NEUTRAL)
            save(figure, path, vector=False)
        return path


def against_frequency(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    alpha: float,
    key: str,
    name: str,
    published: Mapping[str, float],
    where: Mapping[str, Any],
) -> None:
    """Every seed's steps with the power law through them, for each value of the `key`, by its `name` with the value.

    `published` is a `slope` with the `alpha` at which it was found, of so many `n_subtasks`: drawn at that α alone.
    """
    chosen = dataset.sel(where)
    kinds = {name.format(each): chosen.sel({key: each}) for each in chosen[key].values}
    seeds = {own: [_converged(kind.sel(seed=seed)) for seed in kind["seed"].values] for own, kind in kinds.items()}
    for (own, steps), colour in zip(seeds.items(), (TRAIN, *LINES[1:]), strict=False):
        _kind(axes, steps, alpha, colour, name=own)
    _laws(axes, [steps for each in seeds.values() for steps in each], alpha, published)


def _converged(record: xr.Dataset) -> np.ndarray:
    """The convergence step of each subtask of one run, where it was looked at; NaN: never."""
    losses = record["subtask_loss"].transpose("step", "subtask").values / NATS_PER_BIT
    seen = np.isfinite(losses).all(1)
    return convergence_steps(record["step"].values[seen], losses[seen], below=CONVERGED)


def _kind(axes: Axes, seeds: Sequence[np.ndarray], alpha: float, colour: str, *, name: str) -> None:
    """The steps of some seeds with the power law through them, and how far they are in the order of rank."""
    frequencies = np.tile(zipf_frequencies(seeds[0].size, alpha=alpha), len(seeds))
    steps, groups = np.concatenate(seeds), np.repeat(range(len(seeds)), seeds[0].size)
    learned = np.isfinite(steps)
    x, y = frequencies[learned], steps[learned]
    if not x.size:
        return
    fit = power_law(x, y, groups=groups[learned])
    order = float(np.mean([order_of_learning(each) for each in seeds]))
    ends = np.array([x.min(), x.max()])
    found = f"slope {signed(fit.exponent)}{interval(fit)}, Spearman {signed(order)}"
    label = name + (found if np.isfinite(fit.exponent) else "too few are learned to fit")
    axes.plot(x, y, "o", color=colour, ms=3.8, mew=0, alpha=0.6)
    axes.plot(ends, fit.coefficient * ends**fit.exponent, color=colour, lw=1.5, label=label)


def _laws(axes: Axes, seeds: Sequence[np.ndarray], alpha: float, published: Mapping[str, float]) -> None:
    """The slopes of theory and as published at this α, through the middle of all points, and the axes."""
    steps, n = np.concatenate(seeds), seeds[0].size
    learned = np.isfinite(steps)
    x, y = (np.log(each[learned]) for each in (np.tile(zipf_frequencies(n, alpha=alpha), len(seeds)), steps))
    slopes: list[tuple[str, float, Any]] = [("theory", -1.0, INFINITE)]
    if published and math.isclose(published["alpha"], alpha):
        name = f"published, α = {published['alpha']:g}, {published['n_subtasks']:g} subtasks"
        slopes.append((name, published["slope"], FINITE))
    if x.size:
        ends = np.array([x.min(), x.max()])
        for name, slope, style in slopes:
            line = np.exp(y.mean() + slope * (ends - x.mean()))
            axes.plot(np.exp(ends), line, color="black", lw=1.0, ls=style, label=f"{name}: slope {signed(slope)}")
    axes.set(xlabel="frequency of the subtask", ylabel="step by which it is learned", xscale="log")
    if not x.size:
        axes.set(xlim=(zipf_frequencies(n, alpha=alpha).min(), 1), yticks=[])
        return
    axes.set(yscale="log", ylim=(None, 8 * np.exp(y.max())))  # with room for the names
    axes.legend(loc="upper right", fontsize=7.5, frameon=False, handlelength=2.4)
