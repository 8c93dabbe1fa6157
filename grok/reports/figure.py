"""The figure of a run: train and test accuracy on a log step axis, the weight norm on a second axis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.records.files import write_atomically
from grok.reports.style import NEUTRAL, TEST, TRAIN

RC = {"font.size": 9, "axes.spines.top": False, "svg.fonttype": "none", "pdf.fonttype": 42, "axes.labelsize": 9}


def draw(record: xr.Dataset, summary: Mapping[str, Any], path: Path) -> Path:
    """Draw a record as a PNG at `path`, and as a PDF beside it (Omnigrok's Fig. 3d, for any task)."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(5.2, 3.2), layout="constrained")
        left = figure.add_subplot()
        curves(left, record)
        _mark(left, summary)
        right = left.twinx()
        norm = record["weight_norm"]
        right.plot(record["step"], norm, color=NEUTRAL, linewidth=1.2, linestyle=":")
        right.set_ylabel("weight norm (dotted)", color=NEUTRAL)
        right.tick_params(colors=NEUTRAL)
        right.set_ylim(0, 1.1 * float(norm.max()))
        for target in (path, path.with_suffix(".pdf")):
            write_atomically(target, lambda part: figure.savefig(part, dpi=200))
    return path


def curves(axes: Axes, record: xr.Dataset) -> None:
    """Train and test accuracy on a log step axis, labelled at the curves. Step 0 is off a log axis and not drawn."""
    shown = record.isel(step=record["step"].values > 0)
    axes.plot(shown["step"], shown["train_accuracy"], color=TRAIN, linewidth=1.8, label="train")
    axes.plot(shown["step"], shown["test_accuracy"], color=TEST, linewidth=1.8, linestyle="--", label="test")
    axes.set_xscale("log")
    axes.set_ylim(-0.02, 1.1)
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("accuracy")
    axes.legend(loc="upper left", frameon=False, handlelength=2.4)


def _mark(axes: Axes, summary: Mapping[str, Any]) -> None:
    """Thin lines where the run memorised and generalised, named at their top."""
    marks = (("memorization_step", "memorised", TRAIN, "right"), ("generalization_step", "generalised", TEST, "left"))
    for key, word, colour, side in marks:
        step = summary[key]
        if step:
            axes.axvline(step, color=colour, linewidth=0.8, alpha=0.6)
            axes.annotate(
                f"{word}\n{step:,}", (step, 0.5), xytext=(-3 if side == "right" else 3, 0), textcoords="offset points",
                ha=side, va="center", fontsize=7.5, color=colour,
            )
