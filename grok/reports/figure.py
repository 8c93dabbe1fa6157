"""The figure of a run: train and test accuracy on a log step axis, the weight norm on a second axis."""

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

from grok.records.files import write_atomically
from grok.reports.style import DASHED, NEUTRAL, TEST, TRAIN

CLOSE = 4  # times the steps: curves that are half-way up within are named on both their sides
RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "axes.labelsize": 9,
}


def draw(record: xr.Dataset, summary: Mapping[str, Any], path: Path, *, vector: bool) -> Path:
    """Draw a record as a PNG at `path`, and where `vector` as a PDF beside it (Omnigrok's Fig. 3d, for any task)."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(5.2, 3.3))
        figure.subplots_adjust(left=0.11, right=0.88, bottom=0.15, top=0.87)  # always the same: a layout takes its time
        left = figure.add_subplot()
        if "weight_norm" in record:
            right = left.twinx()
            weight_norm(right, record)
            left.set_zorder(right.get_zorder() + 1)
            left.patch.set_visible(False)
        curves(left, record)
        _mark(left, summary)
        save(figure, path, vector=vector)
    return path


def save(figure: Figure, path: Path, *, vector: bool = True) -> None:
    """Write a figure as a PNG at `path` and as a PDF beside it, without a date: the same figure is the same file."""
    write_atomically(path, lambda part: figure.savefig(part, dpi=200))
    if vector:
        undated = {"CreationDate": None}
        write_atomically(path.with_suffix(".pdf"), lambda part: figure.savefig(part, metadata=undated))


def curves(axes: Axes, record: xr.Dataset) -> None:
    """Train and test accuracy on a log step axis, named where they rise. Step 0 is off a log axis and not drawn."""
    shown = record.isel(step=record["step"].values > 0)
    axes.plot(shown["step"], shown["train_accuracy"], color=TRAIN, linewidth=1.8)
    axes.plot(shown["step"], shown["test_accuracy"], color=TEST, linewidth=1.8, linestyle=DASHED)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 1k, 10k: sooner read than powers, and sooner drawn
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(1, max(2, int(record["step"][-1])))
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("accuracy")
    if shown["step"].size:
        _name_curves(axes, shown)


def _name_curves(axes: Axes, shown: xr.Dataset) -> None:
    """Each name to the left of where its curve is half-way up, the test's to the right where both are so at about the
    same step; under or over the middle of a curve that does not rise."""
    steps, accuracies = shown["step"].values, [shown[f"{part}_accuracy"].values for part in ("train", "test")]
    rises = [bool(own[-1] - own[0] > 0.2) for own in accuracies]
    half = [
        int(np.argmax(own >= (own[0] + own[-1]) / 2)) if up else own.size // 2
        for own, up in zip(accuracies, rises, strict=True)
    ]
    ends = sorted(steps[half])
    close = all(rises) and ends[1] < CLOSE * ends[0]
    for part, colour, own, up, at in zip(("train", "test"), (TRAIN, TEST), accuracies, rises, half, strict=True):
        side = 1 if close and part == "test" else -1
        low = own[at] < 0.1
        style: dict[str, Any] = (
            {"xytext": (6 * side, -3 - 3 * side), "ha": "right" if side < 0 else "left", "va": "center"}
            if up
            else {"xytext": (0, 4 if low else -4), "ha": "center", "va": "bottom" if low else "top"}
        )
        axes.annotate(part, (steps[at], own[at]), textcoords="offset points", color=colour, **style)


def weight_norm(axes: Axes, record: xr.Dataset) -> None:
    """The weight norm, dotted, on an axis of its own from zero."""
    shown = record.isel(step=record["step"].values > 0)
    axes.plot(shown["step"], shown["weight_norm"], color=NEUTRAL, linewidth=1.4, linestyle=":")
    axes.set_ylabel("weight norm (dotted)", color=NEUTRAL)
    axes.tick_params(colors=NEUTRAL)
    finite = record["weight_norm"].where(
        np.isfinite(record["weight_norm"])
    )  # a diverged run has norms without a number
    axes.set_ylim(0, 1.4 * float(finite.max()) if finite.notnull().any() else None)


def _mark(axes: Axes, summary: Mapping[str, Any]) -> None:
    """Thin lines where the run memorised and generalised, named above the axes; one where both came at once."""
    memorized, generalized = summary["memorization_step"], summary["generalization_step"]
    if memorized and memorized == generalized:
        late = memorized > axes.get_xlim()[1] ** 0.5
        _name(axes, memorized, "memorised and generalised", TEST, ha="right" if late else "left")
        return
    close = memorized and generalized and max(memorized, generalized) < 6 * min(memorized, generalized)
    for step, word, colour, side in (
        (memorized, "memorised", TRAIN, "right"),
        (generalized, "generalised", TEST, "left"),
    ):
        if step:
            _name(axes, step, word, colour, ha=side if close else "center")


def _name(axes: Axes, step: int, word: str, colour: str, *, ha: str) -> None:
    axes.axvline(step, color=colour, linewidth=0.8, alpha=0.7)
    axes.annotate(
        f"{word}\n{step:,}",
        (step, 1),
        xycoords=("data", "axes fraction"),
        xytext=({"left": 3, "center": 0, "right": -3}[ha], 2),
        textcoords="offset points",
        ha=ha,
        va="bottom",
        fontsize=7.5,
        color=colour,
    )
