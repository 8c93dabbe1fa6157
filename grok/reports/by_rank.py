"""Curves of a task's subtasks, coloured by their rank: dark is frequent."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_hex
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, NullLocator

# Seen on white paper to its end, and by its lightness alone.
COLOURS = LinearSegmentedColormap.from_list("rank", colormaps["viridis"](np.linspace(0, 0.9, 256)))


def colouring(n_subtasks: int) -> ScalarMappable:
    """The colours of ranks 1 … n, by their logarithm."""
    return ScalarMappable(LogNorm(1, max(2, n_subtasks)), COLOURS)


def hex_colours(n_subtasks: int) -> list[str]:
    """The colour of each rank, for pages."""
    return [to_hex(colour) for colour in colouring(n_subtasks).to_rgba(np.arange(1, n_subtasks + 1))]


def curves(axes: Axes, x: np.ndarray, losses: np.ndarray, *, width: float, **style: Any) -> None:
    """A line for each of the losses [point, subtask], the rarest at the back."""
    n = losses.shape[1]
    ranks = np.arange(n, 0, -1)
    lines = [np.column_stack([x, losses[:, rank - 1]]) for rank in ranks]
    colours = colouring(n)
    axes.add_collection(
        LineCollection(lines, array=ranks, cmap=colours.cmap, norm=colours.norm, linewidths=width, **style)
    )
    axes.autoscale_view()


def colour_bar(axes: Axes, n_subtasks: int) -> None:
    """Which colour is which rank, beside the axes."""
    shading_bar(axes, colouring(n_subtasks), "rank of the subtask", LogLocator(subs=(1, 3)), "{:.0f}")


def shading_bar(axes: Axes, shading: ScalarMappable, label: str, ticks: Locator, form: str) -> None:
    """Which colour is which value, beside the axes; `form` is that of the ticks' names, {} the value."""
    bar = axes.figure.colorbar(shading, ax=axes, pad=0.02, aspect=25)
    bar.set_label(label, fontsize=8)
    bar.ax.yaxis.set_major_locator(ticks)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: form.format(value)))
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
