"""Curves of every seed over log steps, in panels under one another, with published points as circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.figure import RC, save
from grok.reports.style import LINES, NEUTRAL


def draw(dataset: xr.Dataset, path: Path, *, where: Mapping[str, Any], panels: Sequence[Mapping[str, Any]]) -> Path:
    """Draw a panel for each group of `curves`, {variable: name}, of the cells `where` the swept keys have these values.

    A panel has a `label`, may have a `log` axis, and may have `published` points of a variable, [[step, value], …].
    """
    chosen = dataset.sel(where)
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(5.4, 2.0 * len(panels) + 0.4), layout="constrained")
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(rows, panels, strict=True):
            _panel(axes, chosen, panel)
        rows[-1].set(xscale="log", xlim=(1, None), xlabel="optimiser step")
        save(figure, path)
    return path


def _panel(axes: Axes, dataset: xr.Dataset, panel: Mapping[str, Any]) -> None:
    """The curves of all seeds in one panel, each variable named beside the axes."""
    for number, (name, title) in enumerate(panel["curves"].items()):
        colour = LINES[number]
        for seed in dataset["seed"].values:
            curve = dataset[name].sel(seed=seed).dropna("step")
            curve = curve.isel(step=curve["step"].values > 0)
            axes.plot(curve["step"], curve, color=colour, linewidth=1.1, alpha=0.85)
        axes.annotate(
            title,
            (1.01, 0.88 - 0.16 * number),
            xycoords="axes fraction",
            color=colour,
            fontsize=8,
            annotation_clip=False,
        )
        if name in panel.get("published", {}):
            points = panel["published"][name]
            axes.plot(*zip(*points, strict=True), "o", mfc="white", mec=colour, ms=4.5, zorder=5)
    if "published" in panel:
        axes.annotate("○ published", (1.01, 0.05), xycoords="axes fraction", color=NEUTRAL, fontsize=8)
    axes.set(ylabel=panel["label"], yscale="log" if panel.get("log") else "linear")
