"""Panels of images that are moved toward one image of their class (Omnigrok: representations from messy to clean)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from grok.records.per_run import is_evaluated
from grok.reports.style import GRAY, SEQUENTIAL, TEST, TRAIN

STEPS = {"memorization_step": ("memorized", TRAIN), "generalization_step": ("generalized", TEST)}


def accuracy_curves(axes: Axes, dataset: xr.Dataset, *, key: str, name: str) -> None:
    """The test accuracy of every seed over steps, colored by the swept key; `name` formats a value for the legend."""
    for number, tick in enumerate(dataset[key].values):
        color = SEQUENTIAL(number / max(1, dataset.sizes[key] - 1))
        for seed in dataset["seed"].values:
            run = dataset.sel({key: tick, "seed": seed})
            run = run.isel(step=is_evaluated(run).values & (run["step"].values > 0))
            label = name.format(tick) if seed == dataset["seed"].values[0] else None
            axes.plot(run["step"], run["test_accuracy"], color=color, lw=1.2, alpha=0.85, label=label)
    axes.set(xscale="log", xlabel="optimizer step", ylabel="test accuracy", ylim=(0, 1.05))
    axes.legend(fontsize=8, frameon=False)


def steps_versus(axes: Axes, dataset: xr.Dataset, *, key: str, label: str) -> None:
    """The steps of memorization and generalization: a dot per seed, and a line through the geometric means.

    A step that was never reached is not shown; the line then has a gap.
    """
    ticks = dataset[key].values
    for quantity, (name, color) in STEPS.items():
        values = dataset[quantity].transpose("seed", key).values
        axes.plot(ticks, values.T, "o", color=color, ms=4, mew=0, alpha=0.7)
        axes.plot(ticks, np.exp(np.log(values).mean(0)), color=color, lw=1.4, label=name)
    axes.axvline(1, color=GRAY, lw=0.8, ls=":")
    axes.annotate("image = label", (1, 1), xycoords=("data", "axes fraction"), ha="right", fontsize=7.5, color=GRAY)
    axes.set(yscale="log", xlabel=label, ylabel="optimizer step", xlim=(-0.05, 1.05))
    axes.legend(fontsize=8, frameon=False)
