"""Quantities versus a swept key: a point per seed, and a line through the means over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from grok.records.per_run import per_run
from grok.reports.style import GRAY, PALETTE, RC, TEST, TRAIN, save_figure

COLORS = {"train_loss": TRAIN, "test_loss": TEST, "generalization_step": TEST}
MAX_TICKS = 8  # up to this many swept values, a log axis has a tick at each of them
LINE_HEIGHT = 0.07  # height of a line of the labels right of the axes, as a fraction of the axes' height


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis, with a dotted line at its `mark`, such as chance level."""

    label: str
    scale: str
    limits: tuple[float, float] | None = None
    mark: float | None = None


@dataclass(frozen=True, kw_only=True)
class Law:
    """A published power law and its range."""

    exponent: float
    from_x: float
    to_x: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """A `quantity`: its curves reduced to numbers by `reduce`, or its final values."""

    quantity: str
    reduce: Callable[..., float] | None = None
    name: str = ""
    published: Sequence[tuple[float, float, float]] = ()  # from x, to x, y
    law: Law | None = None


def draw(dataset: xr.Dataset, path: Path, *, key: str, x: Axis, y: Axis, lines: Sequence[Line]) -> Path:
    """Draw the `lines` over the swept `key`. Steps that were never reached are counted above the axes."""
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(5.0, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlabel=x.label, xscale=x.scale, ylabel=y.label, yscale=y.scale)
        swept = dataset[key].values.astype(float)
        axes.plot(swept, 0 * swept, alpha=0, transform=axes.get_xaxis_transform())  # extends the axis to all values
        if x.scale == "log" and len(swept) <= MAX_TICKS:
            axes.set_xticks(swept, [f"{tick:g}" for tick in swept])
            axes.xaxis.set_minor_locator(NullLocator())
        for draw_mark, axis in ((axes.axvline, x), (axes.axhline, y)):
            if axis.mark is not None:
                draw_mark(axis.mark, color=GRAY, linewidth=0.8, linestyle=":")
        ends = [_line(axes, dataset, key, line, number, y.scale) for number, line in enumerate(lines)]
        axes.margins(x=0.08, y=0.1)
        axes.set(xlim=x.limits or axes.get_xlim(), ylim=y.limits or axes.get_ylim())
        labels = [(line.name, *end) for line, end in zip(lines, ends, strict=True)]
        if any(line.published for line in lines):
            labels.append(("○ published", axes.get_ylim()[0], GRAY))
        _label_lines(axes, labels)
        save_figure(figure, path)
    return path


def _line(axes: Axes, dataset: xr.Dataset, key: str, line: Line, number: int, scale: str) -> tuple[float, str]:
    """Draw one line with its published values and law; returns the height of its right end, and its color."""
    color = COLORS.get(line.quantity, PALETTE[number])
    quantity = per_run(dataset, line.quantity, reduce=line.reduce)
    ticks, values = dataset[key].values.astype(float), quantity.transpose("seed", key).values
    for seed_values in values:
        axes.plot(ticks, seed_values, "o", color=color, ms=4, alpha=0.7, mew=0)
    never = ~np.isfinite(values) & dataset["finished"].transpose("seed", key).values
    for tick, count in zip(ticks, never.sum(0), strict=True):
        if count:
            above: Any = {"xy": (tick, 1 + 0.06 * number), "xycoords": ("data", "axes fraction"), "ha": "center"}
            axes.annotate(f"{count} never", **above, color=color, fontsize=7.5)
    complete = np.isfinite(values).all(0)
    means = np.exp(np.log(values[:, complete]).mean(0)) if scale == "log" else values[:, complete].mean(0)
    axes.plot(ticks[complete], means, color=color, linewidth=1.4)
    for from_x, to_x, published in line.published:
        axes.plot([from_x, to_x], [published] * 2, "o-", color=color, mfc="white", mec=color, ms=5, lw=0.8, zorder=5)
    if line.law is not None:
        _law(axes, ticks[complete], means, line.law)
    return (means[-1] if means.size else np.nan), color


def _law(axes: Axes, x: Float[np.ndarray, " tick"], y: Float[np.ndarray, " tick"], law: Law) -> None:
    """Draw the published power law over its published range, through the geometric mean of our points in that range."""
    within = (x >= law.from_x) & (x <= law.to_x)
    if not within.any():
        return
    ends = np.array([law.from_x, law.to_x])
    heights = np.exp(np.log(y[within]).mean() + law.exponent * (np.log(ends) - np.log(x[within]).mean()))
    axes.plot(ends, heights, color=GRAY, linewidth=1.2, linestyle="--")
    below: Any = {"xytext": (0, -6), "textcoords": "offset points", "ha": "right", "va": "top"}
    axes.annotate(f"published: slope {law.exponent:g}", (ends[1], heights[1]), color=GRAY, **below)


def _label_lines(axes: Axes, labels: Sequence[tuple[str, float, str]]) -> None:
    """Write the labels (text, height, color) right of the axes: at their heights, or lower if they would overlap."""
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = np.nan_to_num(to_axes.transform([(1, height) for _, height, _ in labels])[:, 1], nan=1.0)
    height, n_lines_above = np.inf, 0
    for number in np.argsort(-heights, kind="stable"):
        text, _, color = labels[number]
        n_lines = text.count("\n") + 1
        height = min(heights[number], height - LINE_HEIGHT * (n_lines_above + n_lines) / 2)
        n_lines_above = n_lines
        axes.annotate(text, (1.02, height), xycoords="axes fraction", color=color, fontsize=8, va="center")
