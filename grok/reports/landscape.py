"""The reduced landscape: final losses over the weight norm at which a network was held."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from grok.records.sweep import last_look
from grok.reports.figure import RC, save
from grok.reports.style import NEUTRAL, TEST, TRAIN

FLOOR = 1e-8  # losses below are drawn here: the axis is logarithmic


def draw(dataset: xr.Dataset, path: Path, *, published: Mapping[str, Mapping[float, float]]) -> Path:
    """Draw train and test loss over α: the geometric mean of the seeds, their range, and published points."""
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.add_subplot()
        scales = dataset["init_scale"].values
        for name, colour, style in (("train_loss", TRAIN, "-"), ("test_loss", TEST, (0, (4, 1.5)))):
            final = last_look(dataset, name).transpose("seed", "init_scale").values.clip(FLOOR)
            mean = np.exp(np.log(final).mean(0))
            axes.fill_between(scales, final.min(0), final.max(0), color=colour, alpha=0.2, linewidth=0)
            axes.plot(scales, mean, color=colour, linestyle=style, linewidth=1.6)
            points = published.get(name, {})
            axes.plot([*points], [*points.values()], "o", mfc="white", mec=colour, ms=4, zorder=5)
            where = -1 if name == "test_loss" else len(scales) // 2
            label = ("test", (-6, 8), "right") if name == "test_loss" else ("train", (0, -12), "center")
            axes.annotate(
                label[0],
                (scales[where], mean[where]),
                xytext=label[1],
                textcoords="offset points",
                color=colour,
                ha=label[2],
            )
        axes.axvline(1, color=NEUTRAL, linewidth=0.8, linestyle=":")
        axes.annotate(
            "usual norm",
            (1, 1),
            xycoords=("data", "axes fraction"),
            color=NEUTRAL,
            fontsize=7.5,
            ha="center",
            va="bottom",
        )
        axes.annotate("○ published", (0.03, 0.93), xycoords="axes fraction", color=NEUTRAL)
        axes.set(
            xscale="log", yscale="log", xlabel="α: weight norm / usual weight norm", ylabel="final mean squared error"
        )
        save(figure, path)
    return path
