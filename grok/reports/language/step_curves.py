"""Curves over linear steps, one for each run: for changes that are abrupt in steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from grok.records.per_run import is_evaluated
from grok.reports.style import GRAY, PALETTE, spread_heights

LEGEND: Any = {"fontsize": 8, "handlelength": 1.6, "edgecolor": "none", "framealpha": 0.85}
LINE_HEIGHT = 0.11  # of a label right of low axes


def step_curves(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    quantity: str,
    label: str,
    runs: Mapping[str, Mapping[str, Any]],
    levels: Mapping[str, str] | None = None,
    guess_among: int | None = None,
    limits: tuple[float, float] | None = None,
    legend: bool = False,
    log_scale: bool = False,
) -> None:
    """A quantity over steps: a curve per seed of the runs {name: where}, with a color for each name.

    Dotted lines are at the `levels` {name: quantity}, and at the loss of guessing among `guess_among` tokens. A
    quantity that differs between these runs has a line at its mean. With `log_scale`, steps are on a log scale.
    """
    chosen = [dataset.sel(where) for where in runs.values()]
    for number, (name, part) in enumerate(zip(runs, chosen, strict=True)):
        evaluated = is_evaluated(part)
        for index, seed in enumerate(part["seed"].values):
            own = part[quantity].sel(seed=seed)[evaluated.sel(seed=seed)]
            axes.plot(own["step"], own, color=PALETTE[number], lw=1.2, alpha=0.85, label=name if index == 0 else None)
    for name, level in (levels or {}).items():
        values = np.concatenate([part[level].values.ravel() for part in chosen])
        mean = float(np.nanmean(values))
        level_line(axes, name if np.allclose(values, mean, equal_nan=True) else f"{name}\n(mean)", mean)
    if guess_among is not None:
        level_line(axes, "guessing", math.log(guess_among))
    axes.set(xlabel="optimizer step", ylabel=label, ylim=limits, xscale="log" if log_scale else "linear")
    axes.set_xlim(int(log_scale), int(dataset["step"][-1]))
    if legend:
        axes.legend(**LEGEND)


def level_line(axes: Axes, name: str, height: float) -> None:
    """Draw a dotted line at a height, with its name right of the axes."""
    axes.axhline(height, color=GRAY, lw=0.9, ls=":")
    place: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "xytext": (3, 0)}
    axes.annotate(name, (1, height), **place, color=GRAY, fontsize=8, va="center", annotation_clip=False)


def end_labels(axes: Axes, ends: Mapping[str, tuple[float, str]], *, line_height: float = LINE_HEIGHT) -> None:
    """Write the labels {text: (height, color)} of curves right of the axes, near the heights of their ends.

    `line_height` is that of a line of a label, as a fraction of the axes' height.
    """
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = {text: float(to_axes.transform([(1, height)])[0, 1]) for text, (height, _) in ends.items()}
    ordered = sorted(ends, key=lambda text: heights[text])
    n_lines = max(text.count("\n") + 1 for text in ends)
    spread = spread_heights([heights[text] for text in ordered], gap=line_height * n_lines)
    for text, height in zip(ordered, spread, strict=True):
        axes.annotate(text, (1.02, height), xycoords="axes fraction", color=ends[text][1], fontsize=8, va="center")
