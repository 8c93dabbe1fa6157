"""Representation and accuracy over training on one axis: the one comes before the other (Liu et al. 2022, Fig. 2–4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator

from grok.reports.figure import RC, save
from grok.reports.style import DASHED, LINES, NEUTRAL, TEST, TRAIN

# Variable, name and style of each curve, from the front to the back.
CURVES: dict[str, tuple[str, str, Any]] = {
    "rqi": ("RQI", LINES[2], "-"),
    "train_accuracy": ("train", TRAIN, "-"),
    "test_accuracy": ("test", TEST, DASHED),
}
TABLE: dict[str, tuple[str, str, Any]] = {
    "table_accuracy": ("measured", "black", "-"),
    "predicted_accuracy": ("predicted", LINES[3], DASHED),
}
LINE = 0.085  # of the axes' height, for a name beside them


class RepresentationCurves:
    """RQI above with train and test accuracy, and below the accuracy on the whole table with what RQI's parallelograms
    predict of it, and the most that the training set allows."""

    title = "Representation and accuracy"
    needs = (*CURVES, *TABLE)

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the two panels."""
        shown = record.isel(step=record["step"].values > 0)
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(5.4, 4.6), layout="constrained")
            above, below = figure.subplots(2, 1, sharex=True)
            _curves(above, shown, CURVES)
            ideal = float(record["ideal_accuracy"]) if "ideal_accuracy" in record else np.nan
            _curves(below, shown, TABLE, ideal)
            above.set(ylabel="RQI, accuracy", xscale="log", xlim=(1, max(2, int(record["step"][-1]))))
            below.set(ylabel="accuracy on the whole table", xlabel="optimiser step")
            below.xaxis.set_major_formatter(EngFormatter(sep=""))
            below.xaxis.set_minor_locator(NullLocator())
            save(figure, path, vector=False)
        return path


def _curves(
    axes: Axes, record: xr.Dataset, curves: dict[str, tuple[str, str, Any]], ideal: float | None = None
) -> None:
    """The curves, each named beside the axes in the order of their ends."""
    names = []
    for name, (title, colour, style) in curves.items():
        axes.plot(record["step"], record[name], color=colour, ls=style, lw=1.6)
        names.append((float(record[name][-1]), title, colour))
    if ideal is not None and np.isfinite(ideal):
        axes.axhline(ideal, color=NEUTRAL, lw=0.9, ls=":")
        names.append((ideal, "allowed at best", NEUTRAL))
    axes.set_ylim(0, 1.05)
    last = np.inf
    for height, title, colour in sorted(names, key=lambda each: -np.nan_to_num(each[0])):
        last = min(np.nan_to_num(height) / 1.05, last - LINE)
        axes.annotate(title, (1.02, last), xycoords="axes fraction", color=colour, fontsize=8, va="center")
