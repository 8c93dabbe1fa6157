"""A figure of several panels, each drawn by a function of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.figure import RC, save

Panel = Callable[[Axes, xr.Dataset], Any]


def draw(dataset: xr.Dataset, path: Path, *, rows: Sequence[Sequence[Panel]], size: tuple[float, float]) -> Path:
    """Draw the `rows` of panels, in a figure so many inches wide and tall; a row may be shorter than the first. Those
    of a column share their x axis where they have the same one, and it is named under the last."""
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=size, layout="constrained")
        places = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for panels, axes in zip(rows, places, strict=True):
            for panel, each in zip(panels, axes, strict=False):
                panel(each, dataset)
            for each in axes[len(panels) :]:
                each.set_axis_off()
        for column in places.T:
            for above, below in pairwise(column):
                if above.get_xlabel() == below.get_xlabel():
                    above.sharex(below)
                    above.set_xlabel("")
                    above.tick_params(which="both", labelbottom=False)
        save(figure, path)
    return path
