"""Phase diagrams: the phase of the runs in each cell of a grid, and whether the seeds agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from jaxtyping import Real
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from grok.reports.style import NO_SPINES, PHASE_COLORS, RC, save_figure

HOLLOW_MARKER: dict[str, Any] = {"mfc": "none", "mec": "black", "ms": 5, "mew": 0.8}
MAX_TICK_LABELS = 7  # if an axis has more ticks, evenly spaced in the logarithm, only powers of ten are labeled
MAX_COLUMNS = 3  # of panels


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The labels of both axes, of the panels, and of the published cells."""

    x: str
    y: str
    panels: str = "{}"
    published: str = "published"


def draw(
    dataset: xr.Dataset,
    path: Path,
    *,
    x: str,
    y: str,
    labels: Labels,
    panels: str | None = None,
    smallest_on_top: bool = False,
    published: Sequence[tuple[float, float, float]] = (),
    published_at: float | None = None,
) -> Path:
    """Draw each cell in the color of its most frequent phase over seeds, with a square for the second most frequent.

    If several phases are most frequent, they share the cell, and there is no square. If several are second, the square
    shows the phase of the first seed among them. With `panels`, another swept key, there is a diagram for each of its
    values, with the title `labels.panels`, in which {} is the value. `smallest_on_top`: y increases downward, as
    with the paper's weight decays. Cells with `published` values [x, y, value] have a hollow circle, labeled
    `labels.published` in the legend, in the panel of the value `published_at`, or in all panels.
    """
    parts = [dataset] if panels is None else [dataset.sel({panels: tick}) for tick in dataset[panels].values]
    with matplotlib.rc_context(RC | NO_SPINES):
        figure, grid = _subplots(len(parts))
        for axes, part in zip(grid.flat, parts, strict=False):
            _diagram(axes, part, x=x, y=y)
            if panels is not None:
                axes.set_title(labels.panels.format(f"{part[panels].item():g}"), fontsize=9)
            if published_at in (None, part[panels].item() if panels else None):
                _mark_published(axes, published, part[x].values, part[y].values)
        if smallest_on_top:
            grid[0, 0].invert_yaxis()  # all panels share it
        figure.supxlabel(labels.x, fontsize=RC["axes.labelsize"])
        figure.supylabel(labels.y, fontsize=RC["axes.labelsize"])
        present = [phase for phase in PHASE_COLORS if (dataset["phase"] == phase).any()]
        columns = 4 if not published else 2 if len(parts) == 1 else 3  # as many as fit
        _legend(figure, present, labels.published if published else "", columns=columns)
        save_figure(figure, path)
    return path


def _subplots(n_panels: int) -> tuple[Figure, np.ndarray]:
    """A figure and its grid of axes, at least one per panel; the remaining axes are hidden."""
    n_columns = min(n_panels, MAX_COLUMNS)
    n_rows = math.ceil(n_panels / n_columns)
    width = 3.6 if n_columns < MAX_COLUMNS else 2.6
    figure = Figure(figsize=(1.2 + width * n_columns, 0.6 + 3.0 * n_rows), layout="constrained")
    grid: np.ndarray = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[n_panels:]:
        axes.set_axis_off()
    return figure, grid


def _diagram(axes: Axes, dataset: xr.Dataset, *, x: str, y: str) -> None:
    """Draw the cells of one diagram and its tick labels."""
    phases = dataset["phase"].transpose(y, x, ...).values.reshape(dataset.sizes[y], dataset.sizes[x], -1)
    for row, column in np.ndindex(phases.shape[:2]):
        ranked = Counter(phase for phase in phases[row, column].tolist() if phase).most_common()
        most_frequent = [phase for phase, count in ranked if count == ranked[0][1]]
        for number, phase in enumerate(sorted(most_frequent, key=[*PHASE_COLORS].index)):
            left = column - 0.5 + number / len(most_frequent)
            _rectangle(axes, left, row - 0.5, 1 / len(most_frequent), 1, phase)
        for phase, _ in ranked[1:2] if len(most_frequent) == 1 else ():
            _rectangle(axes, column - 0.225, row - 0.225, 0.45, 0.45, phase)
    axes.set_xlim(-0.5, dataset.sizes[x] - 0.5)
    axes.set_ylim(-0.5, dataset.sizes[y] - 0.5)
    axes.set_xticks(range(dataset.sizes[x]), _tick_labels(dataset[x].values))
    axes.set_yticks(range(dataset.sizes[y]), _tick_labels(dataset[y].values))
    axes.tick_params(length=0)


def _rectangle(axes: Axes, left: float, bottom: float, width: float, height: float, phase: str) -> None:
    axes.add_patch(Rectangle((left, bottom), width, height, facecolor=PHASE_COLORS[phase], edgecolor="white"))


def _tick_labels(ticks: Real[np.ndarray, " tick"]) -> list[str]:
    """The tick labels; empty for unlabeled ticks."""
    log_spaced = np.all(ticks > 0) and np.allclose(np.diff(np.log(ticks), 2), 0, atol=1e-3)
    if len(ticks) <= MAX_TICK_LABELS or not log_spaced:
        return [f"{tick:g}" for tick in ticks]
    powers = np.log10(ticks).round(4)
    return [f"$10^{{{power:.0f}}}$" if power == round(power) else "" for power in powers]


def _mark_published(
    axes: Axes,
    published: Sequence[tuple[float, float, float]],
    x_ticks: Real[np.ndarray, " tick"],
    y_ticks: Real[np.ndarray, " tick"],
) -> None:
    """Draw a hollow circle in each cell with a published value, if the grid has the cell."""
    for x, y, _ in published:
        columns, rows = np.flatnonzero(np.isclose(x_ticks, x)), np.flatnonzero(np.isclose(y_ticks, y))
        axes.plot(*np.meshgrid(columns, rows), "o", **HOLLOW_MARKER)


def _legend(figure: Figure, phases: Sequence[str], published: str, *, columns: int) -> None:
    """Draw the legend of the phases and, if its label is not empty, of published values."""
    handles: list[Patch | Line2D] = [Patch(facecolor=PHASE_COLORS[phase], label=phase) for phase in phases]
    if published:
        handles.append(Line2D([], [], marker="o", ls="none", label=published, **HOLLOW_MARKER))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        fontsize=8,
        handlelength=1,
    )
