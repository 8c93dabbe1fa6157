"""Curves of several settings: a panel for each, a line for each seed, published points as circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grok.reports.figure import RC, save
from grok.reports.style import DASHED, NEUTRAL, TEST, TRAIN

COLOURS = {"train_accuracy": TRAIN, "test_accuracy": TEST, "train_loss": TRAIN, "test_loss": TEST}
ACCURACY = {"quantity": "accuracy", "label": "accuracy", "scale": "linear", "limits": (0, 1.05)}


def draw(
    dataset: xr.Dataset,
    path: Path,
    *,
    panels: Sequence[Mapping[str, Any]],
    y: Mapping[str, Any] = ACCURACY,
    steps: str = "log",
) -> Path:
    """Draw accuracies and weight norm over steps: a panel has a `title`, the swept values `where` its curves were made,
    and may have `published` points of either accuracy.

    `y` is for another `quantity` than accuracy, such as loss, with a `label`, the `scale` of its axis and `limits`;
    `steps` is the scale of the other axis.
    """
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(2.8 * len(panels), 3.4), layout="constrained")
        rows = figure.subplots(2, len(panels), sharex=True, sharey="row", height_ratios=(3, 1.3), squeeze=False)
        for column, panel in enumerate(panels):
            upper, norm = rows[0][column], rows[1][column]
            chosen = dataset.sel(panel["where"])
            for seed in chosen["seed"].values:
                _curves(upper, norm, chosen.sel(seed=seed).dropna("step", subset=["train_accuracy"]), y["quantity"])
            upper.set_title(panel["title"], fontsize=9)
            for name, points in panel.get("published", {}).items():
                upper.plot(
                    *zip(*points, strict=True), "o", mfc="white", mec=COLOURS[name], ms=4, zorder=5, clip_on=False
                )
            norm.set_xlabel("optimiser step")
        rows[0][0].set(xscale=steps, xlim=(1, None), yscale=y["scale"], ylim=y["limits"], ylabel=y["label"])
        rows[1][0].set(ylim=(0, None), ylabel="weight norm")
        told = [Line2D([], [], color=TRAIN, label="train"), Line2D([], [], color=TEST, ls=DASHED, label="test")]
        if any("published" in panel for panel in panels):
            told.append(Line2D([], [], marker="o", mfc="white", color=NEUTRAL, ls="none", ms=4, label="published"))
        rows[0][0].legend(handles=told, loc="best", labelcolor=[TRAIN, TEST, NEUTRAL], frameon=False, handlelength=1.4)
        save(figure, path)
    return path


def _curves(upper: Axes, norm: Axes, record: xr.Dataset, quantity: str) -> None:
    """The curves of one seed; step 0 is off a log axis."""
    record = record.isel(step=slice(1, None))
    upper.plot(record["step"], record[f"train_{quantity}"], color=TRAIN, linewidth=1.1, alpha=0.8)
    upper.plot(record["step"], record[f"test_{quantity}"], color=TEST, linewidth=1.1, alpha=0.8, linestyle=DASHED)
    norm.plot(record["step"], record["weight_norm"], color=NEUTRAL, linewidth=1.1)
