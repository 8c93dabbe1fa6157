"""Curves of several settings: a panel for each, a line for each seed, published points as circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.figure import RC, save
from grok.reports.style import NEUTRAL, TEST, TRAIN

COLOURS = {"train_accuracy": TRAIN, "test_accuracy": TEST}


def draw(dataset: xr.Dataset, path: Path, *, panels: Sequence[Mapping[str, Any]]) -> Path:
    """Draw accuracies and weight norm over steps: a panel has a `title`, the swept values `where` its curves were made,
    and may have `published` points of either accuracy."""
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(2.8 * len(panels), 3.4), layout="constrained")
        rows = figure.subplots(2, len(panels), sharex=True, sharey="row", height_ratios=(3, 1.3), squeeze=False)
        for column, panel in enumerate(panels):
            accuracy, norm = rows[0][column], rows[1][column]
            chosen = dataset.sel(panel["where"])
            for seed in chosen["seed"].values:
                _curves(accuracy, norm, chosen.sel(seed=seed).dropna("step", subset=["train_accuracy"]))
            accuracy.set_title(panel["title"], fontsize=9)
            for name, points in panel.get("published", {}).items():
                accuracy.plot(*zip(*points, strict=True), "o", mfc="white", mec=COLOURS[name], ms=4, zorder=5)
            norm.set_xlabel("optimiser step")
        rows[0][0].set(xscale="log", ylim=(0, 1.05), xlim=(1, None), ylabel="accuracy")
        rows[1][0].set(ylim=(0, None), ylabel="weight norm")
        rows[0][0].annotate("train", (0.04, 0.93), xycoords="axes fraction", color=TRAIN)
        rows[0][0].annotate("test (dashed)", (0.04, 0.86), xycoords="axes fraction", color=TEST)
        if any("published" in panel for panel in panels):
            rows[0][0].annotate("○ published", (0.04, 0.79), xycoords="axes fraction", color=NEUTRAL)
        save(figure, path)
    return path


def _curves(accuracy: Axes, norm: Axes, record: xr.Dataset) -> None:
    """The curves of one seed; step 0 is off a log axis."""
    record = record.isel(step=slice(1, None))
    dashed = (0, (4, 1.5))
    accuracy.plot(record["step"], record["train_accuracy"], color=TRAIN, linewidth=1.1, alpha=0.8)
    accuracy.plot(record["step"], record["test_accuracy"], color=TEST, linewidth=1.1, alpha=0.8, linestyle=dashed)
    norm.plot(record["step"], record["weight_norm"], color=NEUTRAL, linewidth=1.1)
