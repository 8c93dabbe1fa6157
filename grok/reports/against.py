"""What was read off each cell against a swept key: a point for each seed, a line through their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from grok.records.sweep import of_cells
from grok.reports.figure import RC, save
from grok.reports.style import LINES, NEUTRAL, TEST, TRAIN

COLOURS = {"train_loss": TRAIN, "test_loss": TEST, "generalization_step": TEST}
MOST_TICKS = 8  # swept values that are all named on a logarithmic axis
LINE = 0.07  # of the axes' height, for a line of the names beside them


def draw(
    dataset: xr.Dataset,
    path: Path,
    *,
    key: str,
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
) -> Path:
    """Draw each of the `lines` over the swept `key`; an axis has a `label`, a `scale` and perhaps `limits`, and a
    dotted line at its `mark`, such as the usual value or chance.

    A line is of a `quantity`: a number read off its curve by `of_curve`, else its last look. It may have a `name`,
    `published` values as [from x, to x, y], and a `law`, the published exponent between `from_x` and `to_x`. What never
    came is counted above the axes.
    """
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(5.0, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlabel=x["label"], xscale=x["scale"], ylabel=y["label"], yscale=y["scale"])
        swept = dataset[key].values.astype(float)
        axes.plot(swept, 0 * swept, alpha=0, transform=axes.get_xaxis_transform())  # all in view
        if x["scale"] == "log" and len(swept) <= MOST_TICKS:
            axes.set_xticks(swept, [f"{tick:g}" for tick in swept])
            axes.xaxis.set_minor_locator(NullLocator())
        for drawn, axis in ((axes.axvline, x), (axes.axhline, y)):
            if "mark" in axis:
                drawn(axis["mark"], color=NEUTRAL, linewidth=0.8, linestyle=":")
        ends = [_line(axes, dataset, key, line, number, y["scale"]) for number, line in enumerate(lines)]
        axes.margins(x=0.08, y=0.1)
        axes.set_ylim(y.get("limits", axes.get_ylim()))
        names = [(line.get("name", ""), *end) for line, end in zip(lines, ends, strict=True)]
        told = [("○ published", axes.get_ylim()[0], NEUTRAL)] if any(line.get("published") for line in lines) else []
        _beside(axes, [*names, *told])
        save(figure, path)
    return path


def _line(
    axes: Axes, dataset: xr.Dataset, key: str, line: Mapping[str, Any], number: int, scale: str
) -> tuple[float, str]:
    """One line with what was published of it; where it ends, and its colour."""
    name, colour = line["quantity"], COLOURS.get(line["quantity"], LINES[number])
    found = of_cells(dataset, name, of_curve=line.get("of_curve"))
    ticks, values = dataset[key].values.astype(float), found.transpose("seed", key).values
    for own in values:
        axes.plot(ticks, own, "o", color=colour, ms=4, alpha=0.7, mew=0)
    never = ~np.isfinite(values) & dataset["finished"].transpose("seed", key).values
    for tick, count in zip(ticks, never.sum(0), strict=True):
        if count:
            above: Any = {"xy": (tick, 1 + 0.06 * number), "xycoords": ("data", "axes fraction"), "ha": "center"}
            axes.annotate(f"{count} never", **above, color=colour, fontsize=7.5)
    there = np.isfinite(values).all(0)
    middle = np.exp(np.log(values[:, there]).mean(0)) if scale == "log" else values[:, there].mean(0)
    axes.plot(ticks[there], middle, color=colour, linewidth=1.4)
    for from_x, to_x, published in line.get("published", ()):
        axes.plot([from_x, to_x], [published] * 2, "o-", color=colour, mfc="white", mec=colour, ms=5, lw=0.8, zorder=5)
    if "law" in line:
        _law(axes, ticks[there], middle, **line["law"])
    return (middle[-1] if middle.size else np.nan), colour


def _law(axes: Axes, x: np.ndarray, y: np.ndarray, *, from_x: float, to_x: float, exponent: float) -> None:
    """The published power law where it was seen, through the middle of the points that lie there."""
    within = (x >= from_x) & (x <= to_x)
    if not within.any():
        return
    ends = np.array([from_x, to_x])
    law = np.exp(np.log(y[within]).mean() + exponent * (np.log(ends) - np.log(x[within]).mean()))
    axes.plot(ends, law, color=NEUTRAL, linewidth=1.2, linestyle="--")
    below: Any = {"xytext": (0, -6), "textcoords": "offset points", "ha": "right", "va": "top"}
    axes.annotate(f"published: slope {exponent:g}", (ends[1], law[1]), color=NEUTRAL, **below)


def _beside(axes: Axes, names: Sequence[tuple[str, float, str]]) -> None:
    """Each name in its colour to the right of the axes: at its height, or so far below it that none covers another."""
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = np.nan_to_num(to_axes.transform([(1, height) for _, height, _ in names])[:, 1], nan=1.0)
    last, above = np.inf, 0
    for number in np.argsort(-heights, kind="stable"):
        text, _, colour = names[number]
        tall = text.count("\n") + 1
        last, above = min(heights[number], last - LINE * (above + tall) / 2), tall
        axes.annotate(text, (1.02, last), xycoords="axes fraction", color=colour, fontsize=8, va="center")
