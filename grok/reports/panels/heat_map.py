"""A heat map of a quantity over two swept keys, with the value in each cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from grok.records.per_run import reduce_curves
from grok.reports.style import GRAY, NO_SPINES, RC, TRAIN, save_figure


def draw(
    dataset: xr.Dataset,
    path: Path,
    *,
    quantity: str,
    reduce: Callable[..., float],
    x: str,
    y: str,
    x_label: str,
    title: str,
    names: Mapping[str, str],
    notes: Mapping[str, str],
) -> Path:
    """Draw a quantity from 0 to 1 in percent: its curves reduced by `reduce`, averaged over seeds, the best row on top.

    `names` are tick labels for ticks of `y`. `notes` are remarks on some of them, printed right of the map.
    """
    means = _seed_means(dataset, quantity, reduce, x=x, y=y)
    order = np.argsort(-np.nan_to_num(means).mean(1), kind="stable")
    ticks = dataset[y].values[order].tolist()
    with matplotlib.rc_context(RC | NO_SPINES):
        figure = Figure(figsize=(2.6 + 0.55 * means.shape[1], 0.9 + 0.3 * means.shape[0]), layout="constrained")
        axes = figure.add_subplot()
        _draw_cells(axes, means[order])
        axes.set_xticks(range(means.shape[1]), [f"{value:g}" for value in dataset[x].values])
        axes.set_yticks(range(len(ticks)), [names.get(tick, str(tick)) for tick in ticks])
        axes.tick_params(length=0)
        for row, tick in enumerate(ticks):
            right: Any = {"xy": (1.02, row), "xycoords": ("axes fraction", "data"), "va": "center"}
            axes.annotate(notes.get(tick, ""), **right, color=GRAY, fontsize=8)
        axes.set(xlabel=x_label, title=title)
        axes.title.set_fontsize(9)
        save_figure(figure, path)
    return path


def _seed_means(
    dataset: xr.Dataset, quantity: str, reduce: Callable[..., float], *, x: str, y: str
) -> Float[np.ndarray, "y x"]:
    """The mean over the seeds of finished runs; NaN if there are none."""
    values = reduce_curves(dataset, quantity, reduce).transpose(y, x, "seed").values
    finished = dataset["finished"].transpose(y, x, "seed").values
    counts = finished.sum(2)
    means: np.ndarray = np.where(finished, values, 0).sum(2) / np.where(counts, counts, np.nan)
    return means


def _draw_cells(axes: Axes, values: Float[np.ndarray, "y x"]) -> None:
    """Color each cell by its value, with the value in percent in it; a dash if it is missing."""
    axes.imshow(values, cmap=LinearSegmentedColormap.from_list("", ["white", TRAIN]), vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = f"{100 * value:.0f}" if np.isfinite(value) else "–"
        color = "white" if value > 0.6 else "black"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
