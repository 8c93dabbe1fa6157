"""Curves of subtasks, colored by rank: dark is frequent."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, to_hex
from matplotlib.ticker import FixedLocator, LogLocator

from grok.reports.style import SEQUENTIAL, color_bar


def rank_colors(n_subtasks: int) -> ScalarMappable:
    """The colors of ranks 1 … n on a log scale."""
    return ScalarMappable(LogNorm(1, max(2, n_subtasks)), SEQUENTIAL)


def hex_colors(n_subtasks: int) -> list[str]:
    """The color of each rank in hexadecimal, for HTML."""
    return [to_hex(color) for color in rank_colors(n_subtasks).to_rgba(np.arange(1, n_subtasks + 1))]


def subtask_lines(axes: Axes, x: np.ndarray, losses: np.ndarray, *, width: float, **style: Any) -> None:
    """Draw a line per subtask of losses [point, subtask], the rarest at the back."""
    n = losses.shape[1]
    ranks = np.arange(n, 0, -1)
    lines = [np.column_stack([x, losses[:, rank - 1]]) for rank in ranks]
    colors = rank_colors(n)
    axes.add_collection(
        LineCollection(lines, array=ranks, cmap=colors.cmap, norm=colors.norm, linewidths=width, **style)
    )
    axes.autoscale_view()


def rank_color_bar(axes: Axes, n_subtasks: int) -> None:
    """Draw the color bar of the ranks to the right of the axes."""
    ticks = LogLocator(subs=(1, 3)) if n_subtasks > 3 else FixedLocator(range(1, n_subtasks + 1))
    color_bar(axes, rank_colors(n_subtasks), "rank of the subtask", ticks, "{:.0f}")
