"""Curves of all seeds over log steps, in panels stacked in one column, with published points as circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.style import GRAY, PALETTE, RC, save_figure, set_log_ticks


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The `curves` {variable: label}, their axis's `label`, and `published` points {variable: [[step, value], …]}."""

    curves: Mapping[str, str]
    label: str
    log: bool = False  # whether the axis is logarithmic
    published: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


def draw(dataset: xr.Dataset, path: Path, *, where: Mapping[str, Any], panels: Sequence[Panel]) -> Path:
    """Draw the panels, of the runs at the swept values `where`."""
    chosen = dataset.sel(where)
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(5.4, 2.0 * len(panels) + 0.4), layout="constrained")
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(rows, panels, strict=True):
            _panel(axes, chosen, panel)
        rows[-1].set(xscale="log", xlim=(1, None), xlabel="optimizer step")
        save_figure(figure, path)
    return path


def _panel(axes: Axes, dataset: xr.Dataset, panel: Panel) -> None:
    """Draw the curves of all seeds in one panel, with the label of each variable right of the axes."""
    for number, (name, label) in enumerate(panel.curves.items()):
        color = PALETTE[number]
        for seed in dataset["seed"].values:
            curve = dataset[name].sel(seed=seed).dropna("step")
            curve = curve.isel(step=curve["step"].values > 0)
            axes.plot(curve["step"], curve, color=color, linewidth=1.1, alpha=0.85)
        axes.annotate(
            label,
            (1.01, 0.88 - 0.16 * number),
            xycoords="axes fraction",
            color=color,
            fontsize=8,
            annotation_clip=False,
        )
        if name in panel.published:
            points = panel.published[name]
            axes.plot(*zip(*points, strict=True), "o", mfc="white", mec=color, ms=4.5, zorder=5)
    if panel.published:
        axes.annotate("○ published", (1.01, 0.05), xycoords="axes fraction", color=GRAY, fontsize=8)
    axes.set(ylabel=panel.label, yscale="log" if panel.log else "linear")
    if panel.log:
        set_log_ticks(axes.yaxis)
