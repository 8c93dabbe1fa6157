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
from matplotlib.ticker import EngFormatter, NullLocator

from grok.reports.style import GRAY, RC, TEST, TEST_STYLE, TRAIN, save_figure

# Labels at steps that differ by less than these factors are put on opposite sides, so that they do not overlap.
CLOSE_FACTOR = 4  # labels of the two curves
CLOSE_STEPS_FACTOR = 6  # labels above the axes
MIN_RISE = 0.2  # an accuracy that rises less is labeled in the middle of its curve


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
    """Draw train and test accuracy over log steps, with labels where they rise. A log axis cannot show step 0."""
    shown = record.isel(step=record["step"].values > 0)
    axes.plot(shown["step"], shown["train_accuracy"], color=TRAIN, linewidth=1.8)
    axes.plot(shown["step"], shown["test_accuracy"], color=TEST, linewidth=1.8, linestyle=TEST_STYLE)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 1k, 10k: faster to read and to draw than powers of ten
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(1, max(2, int(record["step"][-1])))
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("accuracy")
    if shown["step"].size:
        _label_curves(axes, shown)


def weight_norm_curve(axes: Axes, record: xr.Dataset) -> None:
    """Draw the weight norm as a dotted line on its own axis, which starts at zero."""
    shown = record.isel(step=record["step"].values > 0)
    axes.plot(shown["step"], shown["weight_norm"], color=GRAY, linewidth=1.4, linestyle=":")
    axes.set_ylabel("weight norm (dotted)", color=GRAY)
    axes.tick_params(colors=GRAY)
    norms = record["weight_norm"].values
    finite = norms[np.isfinite(norms)]  # the norms of a diverged run are not finite
    axes.set_ylim(0, 1.4 * float(finite.max()) if finite.size else None)


def _label_curves(axes: Axes, shown: xr.Dataset) -> None:
    """Label each curve where it reaches half of its rise.

    Labels are to the left of the curves. If both curves rise at about the same step, that of the test curve is to the
    right. A curve that does not rise is labeled above or below its middle.
    """
    steps, accuracies = shown["step"].values, [shown[f"{part}_accuracy"].values for part in ("train", "test")]
    rises = [bool(values[-1] - values[0] > MIN_RISE) for values in accuracies]
    places = [
        int(np.argmax(values >= (values[0] + values[-1]) / 2)) if rising else values.size // 2
        for values, rising in zip(accuracies, rises, strict=True)
    ]
    first, second = sorted(steps[places])
    close = all(rises) and second < CLOSE_FACTOR * first
    for part, color, values, rising, place in zip(
        ("train", "test"), (TRAIN, TEST), accuracies, rises, places, strict=True
    ):
        side = 1 if close and part == "test" else -1
        low = values[place] < 0.1
        style: dict[str, Any] = (
            {"xytext": (6 * side, -3 - 3 * side), "ha": "right" if side < 0 else "left", "va": "center"}
            if rising
            else {"xytext": (0, 4 if low else -4), "ha": "center", "va": "bottom" if low else "top"}
        )
        axes.annotate(part, (steps[place], values[place]), textcoords="offset points", color=color, **style)


def _mark_steps(axes: Axes, summary: Mapping[str, Any]) -> None:
    """Draw thin lines at the steps of memorization and generalization, labeled above the axes; one line if both are the
    same step."""
    memorized, generalized = summary["memorization_step"], summary["generalization_step"]
    if memorized and memorized == generalized:
        late = memorized > axes.get_xlim()[1] ** 0.5
        _mark_step(axes, memorized, "memorized and generalized", TEST, ha="right" if late else "left")
        return
    both = memorized and generalized
    close = both and max(memorized, generalized) < CLOSE_STEPS_FACTOR * min(memorized, generalized)
    marks = ((memorized, "memorized", TRAIN, "right"), (generalized, "generalized", TEST, "left"))
    for step, label, color, side in marks:
        if step:
            _mark_step(axes, step, label, color, ha=side if close else "center")


def _mark_step(axes: Axes, step: int, label: str, color: str, *, ha: str) -> None:
    """Draw a vertical line at a step, with its label and the step above the axes."""
    axes.axvline(step, color=color, linewidth=0.8, alpha=0.7)
    axes.annotate(
        f"{label}\n{step:,}",
        (step, 1),
        xycoords=("data", "axes fraction"),
        xytext=({"left": 3, "center": 0, "right": -3}[ha], 2),
        textcoords="offset points",
        ha=ha,
        va="bottom",
        fontsize=7.5,
        color=color,
    )
