"""Phase diagrams: the phase of every cell of a grid, and how far the seeds agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
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

from grok.reports.figure import RC, save
from grok.reports.style import PHASES

HOLLOW: dict[str, Any] = {"mfc": "none", "mec": "black", "ms": 5, "mew": 0.8}
MOST_NAMED = 7  # ticks that all have names; of more that are evenly spaced in logarithm only the powers of ten
MOST_PANELS = 3  # beside each other


def draw(
    dataset: xr.Dataset,
    path: Path,
    *,
    x: str,
    y: str,
    labels: Mapping[str, str],
    panels: str | None = None,
    smallest_on_top: bool = False,
    published: Sequence[tuple[float, float, float]] = (),
    published_at: float | None = None,
) -> Path:
    """Draw the phase that most seeds are in as a coloured cell, those of a tie side by side; where one leads, a square
    inside shows the next, the first of those equally frequent.

    With `panels`, another key, there is a diagram for each of its values, named by `labels["panels"]` with {} for it.
    `smallest_on_top`: y falls upwards, as with the paper's weight decays. Cells with `published` values [x, y, value]
    have a hollow circle, which `labels["published"]` names, in the panel of the value `published_at`, or in all.
    """
    parts = [dataset] if panels is None else [dataset.sel({panels: tick}) for tick in dataset[panels].values]
    with matplotlib.rc_context(
        RC | {"axes.spines.right": False, "axes.spines.left": False, "axes.spines.bottom": False}
    ):
        columns = min(len(parts), MOST_PANELS)
        rows = math.ceil(len(parts) / columns)
        figure = Figure(
            figsize=(1.2 + (3.6 if columns < MOST_PANELS else 2.6) * columns, 0.6 + 3.0 * rows), layout="constrained"
        )
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes, part in zip(grid.flat, parts, strict=False):
            _diagram(axes, part, x=x, y=y)
            if panels is not None:
                axes.set_title(labels["panels"].format(f"{part[panels].item():g}"), fontsize=9)
            if published_at in (None, part[panels].item() if panels else None):
                for at_x, at_y, _ in published:
                    column, row = (np.flatnonzero(np.isclose(part[key], at)) for key, at in ((x, at_x), (y, at_y)))
                    axes.plot(*np.meshgrid(column, row), "o", **HOLLOW)
        for axes in grid.flat[len(parts) :]:
            axes.set_axis_off()
        if smallest_on_top:
            grid[0, 0].invert_yaxis()  # they share it
        figure.supxlabel(labels["x"], fontsize=RC["axes.labelsize"])
        figure.supylabel(labels["y"], fontsize=RC["axes.labelsize"])
        present = [phase for phase in PHASES if (dataset["phase"] == phase).any()]
        figure.legend(
            handles=[
                *[Patch(facecolor=PHASES[phase], label=phase) for phase in present],
                *([Line2D([], [], marker="o", ls="none", label=labels["published"], **HOLLOW)] if published else []),
            ],
            loc="outside upper center",
            ncols=3 if published else 4,
            frameon=False,
            fontsize=8,
            handlelength=1,
        )
        save(figure, path)
    return path


def _diagram(axes: Axes, dataset: xr.Dataset, *, x: str, y: str) -> None:
    phases = dataset["phase"].transpose(y, x, ...).values.reshape(dataset.sizes[y], dataset.sizes[x], -1)
    for row, column in np.ndindex(phases.shape[:2]):
        ranked = Counter(phase for phase in phases[row, column].tolist() if phase).most_common()
        most = [phase for phase, count in ranked if count == ranked[0][1]]
        for number, phase in enumerate(sorted(most, key=[*PHASES].index)):
            _rectangle(axes, column - 0.5 + number / len(most), row - 0.5, 1 / len(most), 1, phase)
        for phase, _ in ranked[1:2] if len(most) == 1 else ():
            _rectangle(axes, column - 0.225, row - 0.225, 0.45, 0.45, phase)
    axes.set_xlim(-0.5, dataset.sizes[x] - 0.5)
    axes.set_ylim(-0.5, dataset.sizes[y] - 0.5)
    axes.set_xticks(range(dataset.sizes[x]), _names(dataset[x].values))
    axes.set_yticks(range(dataset.sizes[y]), _names(dataset[y].values))
    axes.tick_params(length=0)


def _names(ticks: Real[np.ndarray, " tick"]) -> list[str]:
    """The ticks' names, empty for those that go without."""
    if len(ticks) <= MOST_NAMED or not np.all(ticks > 0) or not np.allclose(np.diff(np.log(ticks), 2), 0, atol=1e-3):
        return [f"{tick:g}" for tick in ticks]
    powers = np.log10(ticks).round(4)
    return [f"$10^{{{power:.0f}}}$" if power == round(power) else "" for power in powers]


def _rectangle(axes: Axes, left: float, foot: float, width: float, height: float, phase: str) -> None:
    axes.add_patch(Rectangle((left, foot), width, height, facecolor=PHASES[phase], edgecolor="white"))
