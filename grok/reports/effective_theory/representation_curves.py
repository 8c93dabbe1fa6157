"""Representation quality and accuracy over training (Liu et al. 2022, Fig. 2–4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator

from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, PALETTE, RC, TEST, TEST_STYLE, TRAIN, save_figure

# Variable, label and style of each curve.
CURVES: dict[str, tuple[str, str, Any]] = {
    "rqi": ("RQI", PALETTE[2], "-"),
    "train_accuracy": ("train", TRAIN, "-"),
    "test_accuracy": ("test", TEST, TEST_STYLE),
}
TABLE_CURVES: dict[str, tuple[str, str, Any]] = {
    "full_table_accuracy": ("measured", "black", "-"),
    "predicted_accuracy": ("predicted", PALETTE[3], TEST_STYLE),
}
LINE_HEIGHT = 0.085  # of a label beside the axes, as a fraction of the axes' height


class RepresentationCurves(Plot):
    """RQI with train and test accuracy; below it, the measured and the predicted accuracy on the full table.

    The prediction follows from the parallelograms of RQI. The dotted line is the upper bound for the training set.
    """

    title = "Representation and accuracy"
    needs = (*CURVES, *TABLE_CURVES)

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the two panels."""
        shown = record.isel(step=record["step"].values > 0)
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(5.4, 4.6), layout="constrained")
            above, below = figure.subplots(2, 1, sharex=True)
            _curves(above, shown, CURVES)
            upper_bound = float(record["ideal_accuracy"]) if "ideal_accuracy" in record else np.nan
            _curves(below, shown, TABLE_CURVES, upper_bound)
            above.set(ylabel="RQI, accuracy", xscale="log", xlim=(1, max(2, int(record["step"][-1]))))
            below.set(ylabel="accuracy on the full table", xlabel="optimizer step")
            below.xaxis.set_major_formatter(EngFormatter(sep=""))
            below.xaxis.set_minor_locator(NullLocator())
            save_figure(figure, path, vector=False)
        return path


def _curves(
    axes: Axes, record: xr.Dataset, curves: dict[str, tuple[str, str, Any]], upper_bound: float | None = None
) -> None:
    """Draw the curves, with their labels beside the axes in the order of the final values."""
    labels = []
    for name, (label, color, style) in curves.items():
        axes.plot(record["step"], record[name], color=color, ls=style, lw=1.6)
        labels.append((float(record[name][-1]), label, color))
    if upper_bound is not None and np.isfinite(upper_bound):
        axes.axhline(upper_bound, color=GRAY, lw=0.9, ls=":")
        labels.append((upper_bound, "upper bound", GRAY))
    axes.set_ylim(0, 1.05)
    height = np.inf
    for value, label, color in sorted(labels, key=lambda each: -np.nan_to_num(each[0])):
        height = min(np.nan_to_num(value) / 1.05, height - LINE_HEIGHT)
        axes.annotate(label, (1.02, height), xycoords="axes fraction", color=color, fontsize=8, va="center")
