"""Phase diagrams: the phase of every cell of a grid, and how far the seeds agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from grok.reports.figure import RC, save
from grok.reports.style import PHASES

MOST_LEVEL = 7  # ticks whose names stand beside each other; of more they are turned


def draw(
    dataset: xr.Dataset, path: Path, *, x: str, y: str, labels: Mapping[str, str], panels: str | None = None
) -> Path:
    """Draw the phase that most seeds are in as a coloured cell; where they differ, a square inside shows the next.

    With `panels`, another key, there is a diagram for each of its values, named by `labels["panels"]` with {} for it.
    """
    parts = [dataset] if panels is None else [dataset.sel({panels: tick}) for tick in dataset[panels].values]
    with matplotlib.rc_context(
        RC | {"axes.spines.right": False, "axes.spines.left": False, "axes.spines.bottom": False}
    ):
        figure = Figure(figsize=(1.2 + 3.6 * len(parts), 3.6), layout="constrained")
        places = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
        for axes, part in zip(places, parts, strict=True):
            _diagram(axes, part, x=x, y=y)
            axes.set_xlabel(labels["x"])
            if panels is not None:
                axes.set_title(labels["panels"].format(f"{part[panels].item():g}"), fontsize=9)
        places[0].set_ylabel(labels["y"])
        present = [phase for phase in PHASES if (dataset["phase"] == phase).any()]
        figure.legend(
            handles=[Patch(facecolor=PHASES[phase], label=phase) for phase in present],
            loc="outside upper center",
            ncols=4,
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
        for size, (phase, _) in zip((1.0, 0.45), ranked, strict=False):
            axes.add_patch(
                matplotlib.patches.Rectangle(
                    (column - size / 2, row - size / 2), size, size, facecolor=PHASES[phase], edgecolor="white"
                )
            )
    axes.set_xlim(-0.5, dataset.sizes[x] - 0.5)
    axes.set_ylim(-0.5, dataset.sizes[y] - 0.5)
    axes.set_xticks(range(dataset.sizes[x]), [f"{value:.3g}" for value in dataset[x].values])
    axes.set_yticks(range(dataset.sizes[y]), [f"{value:.3g}" for value in dataset[y].values])
    axes.tick_params(length=0)
    axes.tick_params("x", labelrotation=45 if dataset.sizes[x] > MOST_LEVEL else 0)
