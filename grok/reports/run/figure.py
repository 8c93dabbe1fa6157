"""The figure of a run: train and test accuracy over log steps, and the weight norm on a second axis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, NullLocator

from grok.reports.style import GRAY, RC, TEST, TEST_STYLE, TRAIN, save_figure

CLOSE_FACTOR = 4  # curves that rise at steps that differ by less have their labels on opposite sides
MIN_RISE = 0.2  # an accuracy that rises less counts as flat
# Above the axes, in fractions of their width: the room for labels, and the width of a label's line per letter.
LABEL_ROOM = (-0.12, 1.14)
LETTER_WIDTH = 0.0152
HALO = [withStroke(linewidth=2.5, foreground="white")]  # keeps a label readable on a line


def draw(record: xr.Dataset, summary: Mapping[str, Any], path: Path, *, vector: bool) -> Path:
    """Draw a record as a PNG at `path`, and as a PDF next to it if `vector` (Omnigrok, Fig. 3d, for any task)."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(5.2, 3.3))
        figure.subplots_adjust(left=0.11, right=0.88, bottom=0.15, top=0.87)  # faster than an automatic layout
        left = figure.add_subplot()
        if "weight_norm" in record:
            right = left.twinx()
            weight_norm_curve(right, record)
            left.set_zorder(right.get_zorder() + 1)
            left.patch.set_visible(False)
        accuracy_curves(left, record)
        _mark_steps(left, summary)
        save_figure(figure, path, vector=vector)
    return path


def accuracy_curves(axes: Axes, record: xr.Dataset) -> None:
    """Draw train and test accuracy over log steps, with labels where they rise.

    A log axis cannot show step 0. A run of step 0 alone has two points on a linear axis.
    """
    shown = shown_steps(record)
    marker = "o" if shown["step"].size == 1 else None
    axes.plot(shown["step"], shown["train_accuracy"], color=TRAIN, linewidth=1.8, marker=marker)
    axes.plot(shown["step"], shown["test_accuracy"], color=TEST, linewidth=1.8, linestyle=TEST_STYLE, marker=marker)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("accuracy")
    if not shown["step"].values.any():
        axes.set(xlim=(-1, 1), xticks=[0])
        for part, color, align, x in (("train", TRAIN, "right", -7), ("test", TEST, "left", 7)):
            at = (0, float(shown[f"{part}_accuracy"][0]))
            axes.annotate(part, at, (x, 0), textcoords="offset points", color=color, ha=align, va="center")
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 1k, 10k: faster to read and to draw than powers of ten
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(1, max(2, int(record["step"][-1])))
    _label_curves(axes, shown)


def shown_steps(record: xr.Dataset) -> xr.Dataset:
    """The record at the steps that a figure shows: those after 0, or 0 if it is the only one."""
    after = record["step"].values > 0
    return record.isel(step=after) if after.any() else record


def weight_norm_curve(axes: Axes, record: xr.Dataset) -> None:
    """Draw the weight norm as a dotted line on its own axis, which starts at zero."""
    shown = shown_steps(record)
    marker = "o" if shown["step"].size == 1 else None
    axes.plot(shown["step"], shown["weight_norm"], color=GRAY, linewidth=1.4, linestyle=":", marker=marker)
    axes.set_ylabel("weight norm (dotted)", color=GRAY)
    axes.tick_params(colors=GRAY)
    norms = record["weight_norm"].values
    finite = norms[np.isfinite(norms)]  # the norms of a diverged run are not finite
    axes.set_ylim(0, 1.4 * float(finite.max()) if finite.size else None)


def _label_curves(axes: Axes, shown: xr.Dataset) -> None:
    """Label each curve where it reaches half of its rise, so that the labels do not overlap.

    Labels are to the left of the curves. If both curves rise at about the same step, that of the test curve is to the
    right. A flat curve is labeled above or below, away from the rise of the other; two flat curves side by side.
    """
    steps = shown["step"].values
    curves = {part: shown[f"{part}_accuracy"].values for part in ("train", "test")}
    rises = {part: _half_rise(values) for part, values in curves.items()}
    known = sorted(steps[place] for place in rises.values() if place is not None)
    close = len(known) == 2 and known[1] < CLOSE_FACTOR * known[0]
    for part, color in (("train", TRAIN), ("test", TEST)):
        values, place, side = curves[part], rises[part], 1 if close and part == "test" else -1
        style: dict[str, Any] = {
            "xytext": (6 * side, -3 - 3 * side),
            "ha": "right" if side < 0 else "left",
            "va": "center",
        }
        if place is None:
            end = np.log(steps[-1])
            middle = 0.5 if not known else 0.25 if np.log(known[0]) > end / 2 else 0.75
            place = int(np.abs(np.log(steps) - middle * end).argmin())
            low, side = values[place] < 0.1, 0 if known else 1 if part == "test" else -1
            align = {-1: "right", 0: "center", 1: "left"}[side]
            style = {"xytext": (4 * side, 4 if low else -4), "ha": align, "va": "bottom" if low else "top"}
        at = (steps[place], values[place])
        axes.annotate(part, at, textcoords="offset points", color=color, path_effects=HALO, **style)


def _half_rise(values: np.ndarray) -> int | None:
    """Where an accuracy reaches half of its rise; None if it is flat."""
    if not values[-1] - values[0] > MIN_RISE:
        return None
    return int(np.argmax(values >= (values[0] + values[-1]) / 2))


def _mark_steps(axes: Axes, summary: Mapping[str, Any]) -> None:
    """Draw thin lines at the steps of memorization and generalization, with labels above the axes that do not overlap.

    One line if both are the same step.
    """
    marks: dict[int, tuple[str, str]] = {}
    for name, color in (("memorized", TRAIN), ("generalized", TEST)):
        step = summary["memorization_step" if name == "memorized" else "generalization_step"]
        if step:
            marks[step] = (f"{marks[step][0]} and {name}" if step in marks else name, color)
    ordered, last = sorted(marks), np.log(axes.get_xlim()[1])
    widths = [LETTER_WIDTH * max(len(marks[step][0]), len(f"{step:,}")) for step in ordered]
    centers = _spread([float(np.log(step) / last) for step in ordered], widths)
    for step, center in zip(ordered, centers, strict=True):
        label, color = marks[step]
        axes.axvline(step, color=color, linewidth=0.8, alpha=0.7)
        above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "xytext": (0, 2)}
        above |= {"ha": "center", "va": "bottom", "fontsize": 7.5, "color": color}
        axes.annotate(f"{label}\n{step:,}", (center, 1), **above)


def _spread(centers: list[float], widths: list[float]) -> list[float]:
    """The centers of at most two labels, moved apart until they do not overlap, and into the room for labels."""
    if len(centers) == 2:
        missing = max(0.0, sum(widths) / 2 - (centers[1] - centers[0]))
        centers = [centers[0] - missing / 2, centers[1] + missing / 2]
    if not centers:
        return centers
    too_left = max(0.0, LABEL_ROOM[0] - (centers[0] - widths[0] / 2))
    too_right = max(0.0, centers[-1] + widths[-1] / 2 - LABEL_ROOM[1])
    return [center + too_left - too_right for center in centers]
