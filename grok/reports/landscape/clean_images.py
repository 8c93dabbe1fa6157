"""Panels of images that are moved toward one image of their class (Omnigrok: representations from messy to clean)."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from grok.records.per_run import is_evaluated
from grok.reports.style import GRAY, SEQUENTIAL, TEST, TRAIN
from grok.science.statistics.intervals import mean_interval

STEPS = {"memorization_step": ("memorization", TRAIN), "generalization_step": ("generalization", TEST)}


def accuracy_curves(axes: Axes, dataset: xr.Dataset, *, key: str, name: str) -> None:
    """The test accuracy of every seed over steps, colored by the swept key; `name` formats a value for the legend.

    Dotted lines are at the thresholds of training and test accuracy. Runs end when both are reached.
    """
    for number, tick in enumerate(dataset[key].values):
        color = SEQUENTIAL(number / max(1, dataset.sizes[key] - 1))
        for seed in dataset["seed"].values:
            run = dataset.sel({key: tick, "seed": seed})
            run = run.isel(step=is_evaluated(run).values & (run["step"].values > 0))
            label = name.format(tick) if seed == dataset["seed"].values[0] else None
            axes.plot(run["step"], run["test_accuracy"], color=color, lw=1.2, alpha=0.85, label=label)
    for part, phase in (("training", "memorization"), ("test", "generalization")):
        level = float(dataset.attrs[f"{phase}_threshold"])
        axes.axhline(level, color=GRAY, lw=0.8, ls=":")
        place: Any = {"xycoords": ("axes fraction", "data"), "xytext": (2, 2), "textcoords": "offset points"}
        axes.annotate(f"{part} threshold {level:g}", (0, level), **place, fontsize=7, color=GRAY)
    axes.set(xscale="log", xlabel="optimizer step", ylabel="test accuracy", ylim=(0, 1.05))
    axes.set_title("runs stop when both thresholds are reached", fontsize=8.5)
    axes.legend(fontsize=8, frameon=False, loc="center left")


def delay_versus(axes: Axes, dataset: xr.Dataset, *, key: str, label: str) -> None:
    """The delay from memorization to generalization: a dot per seed, the mean and its interval. All runs must grok."""
    ticks = dataset[key].values
    delays = dataset["delay"].transpose(key, "seed").values
    mean = delays.mean(1)
    low, high = np.array([mean_interval(each) for each in delays]).T
    axes.plot(ticks, delays, "o", color=TRAIN, ms=3.5, mew=0, alpha=0.6)
    axes.errorbar(ticks, mean, yerr=np.array([mean - low, high - mean]).clip(0), color=TRAIN, lw=1.4, capsize=2)
    for tick, value in zip(ticks, mean, strict=True):
        place: Any = {"xytext": (5, 4), "textcoords": "offset points", "fontsize": 7.5}
        axes.annotate(
            f"{value:,.0f}" if np.isfinite(value) else "", (tick, value if np.isfinite(value) else 0), **place
        )
    axes.set(
        xlabel=label,
        ylabel="delay (optimizer steps)",
        xlim=(-0.05, 1.12),
        ylim=(min(0, np.nanmin(delays, initial=0)), None),
    )
    axes.yaxis.set_major_formatter("{x:,.0f}")
    _note_trivial(axes)


def steps_versus(axes: Axes, dataset: xr.Dataset, *, key: str, label: str) -> None:
    """The steps of memorization and generalization: a dot per seed, and a line through the geometric means.

    A step that was never reached is not shown; the line then has a gap.
    """
    ticks = dataset[key].values
    for quantity, (name, color) in STEPS.items():
        values = dataset[quantity].transpose("seed", key).values
        axes.plot(ticks, values.T, "o", color=color, ms=4, mew=0, alpha=0.7)
        axes.plot(ticks, np.exp(np.log(values).mean(0)), color=color, lw=1.4, label=name)
    axes.set(yscale="log", xlabel=label, ylabel="optimizer step", xlim=(-0.05, 1.12))
    _note_trivial(axes)
    axes.legend(fontsize=8, frameon=False, loc="lower left")


def _note_trivial(axes: Axes) -> None:
    axes.axvline(1, color=GRAY, lw=0.8, ls=":")
    place: Any = {"xycoords": ("data", "axes fraction"), "ha": "right", "va": "top", "rotation": 90, "fontsize": 7.5}
    axes.annotate("image fixed by its class", (0.99, 0.98), **place, color=GRAY)
