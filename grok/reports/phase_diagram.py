"""Phase diagrams: the phase of every cell of a grid, and how far the seeds agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from grok.reports.figure import RC, save
from grok.reports.style import PHASES

HOLLOW: dict[str, Any] = {"mfc": "none", "mec": "black", "ms": 5, "mew": 0.8}
MOST_LEVEL = 7  # ticks whose names stand beside each other; of more they are turned


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
) -> Path:
    """Draw the phase that most seeds are in as a coloured cell, those of a tie side by side; where one leads, a square
    inside shows the next, the first of those equally frequent.

    With `panels`, another key, there is a diagram for each of its values, named by `labels["panels"]` with {} for it.
    `smallest_on_top`: y falls upwards, as with the paper's weight decays. Cells with `published` values [x, y, value]
    have a hollow circle, which `labels["published"]` names.
    """
    parts = [dataset] if panels is None else [dataset.sel({panels: tick}) for tick in dataset[panels].values]
    with matplotlib.rc_context(
        RC | {"axes.spines.right": False, "axes.spines.left": False, "axes.spines.bottom": False}
    ):
        figure = Figure(figsize=(1.2 + 3.6 * len(parts), 3.6), layout="constrained")
        places = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
        for axes, part in zip(places, parts, strict=True):
            _diagram(axes, part, x=x, y=y)
            for at_x, at_y, _ in published:
                column, row = (np.flatnonzero(np.isclose(part[key], at)) for key, at in ((x, at_x), (y, at_y)))
                axes.plot(*np.meshgrid(column, row), "o", **HOLLOW)
            if smallest_on_top:
                axes.invert_yaxis()
            axes.set_xlabel(labels["x"])
            if panels is not None:
                axes.set_title(labels["panels"].format(f"{part[panels].item():g}"), fontsize=9)
        places[0].set_ylabel(labels["y"])
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
    turned: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if dataset.sizes[x] > MOST_LEVEL else {}
    axes.set_xticks(range(dataset.sizes[x]), [f"{value:.3g}" for value in dataset[x].values], **turned)
    axes.set_yticks(range(dataset.sizes[y]), [f"{value:.3g}" for value in dataset[y].values])
    axes.tick_params(length=0)


def _rectangle(axes: Axes, left: float, foot: float, width: float, height: float, phase: str) -> None:
    axes.add_patch(Rectangle((left, foot), width, height, facecolor=PHASES[phase], edgecolor="white"))
