"""A figure of several panels, each drawn by its own function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.style import RC, save_figure

Panel = Callable[[Axes, xr.Dataset], Any]


def draw(dataset: xr.Dataset, path: Path, *, rows: Sequence[Sequence[Panel]], size: tuple[float, float]) -> Path:
    """Draw the `rows` of panels in a figure of this `size`, width and height in inches.

    A row may be shorter than the first row. Panels in a column share their x axis if their x labels are the same.
    """
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for panels, row in zip(rows, grid, strict=True):
            for panel, axes in zip(panels, row, strict=False):
                panel(axes, dataset)
            for axes in row[len(panels) :]:
                axes.set_axis_off()
        for column in grid.T:
            _share_x_axes(column)
        save_figure(figure, path)
    return path


def _share_x_axes(column: np.ndarray) -> None:
    """Share the x axes of neighbors in a column that have the same x label; only the lower one keeps its labels."""
    for above, below in pairwise(column):
        if above.get_xlabel() == below.get_xlabel():
            above.sharex(below)
            above.set_xlabel("")
            above.tick_params(which="both", labelbottom=False)
