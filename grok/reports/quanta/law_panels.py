"""Figure of the failed claims beside the values that finite laws predict for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.style import GRAY, PALETTE, RC, save_figure

MARKS = dict(zip(("counts", "larger", "sum", "critical batch"), "s^oD", strict=True))
FARTHEST = 9.0  # intervals; a prediction farther away is drawn at the edge


def draw(dataset: xr.Dataset, path: Path) -> Path:
    """Draw each law's prediction relative to the measured value, in units of the measured interval.

    The band is the measured interval. A claim that a law explains is written in black.
    """
    dataset = dataset.isel(seed=0)
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(8.6, 4.6), layout="constrained")
        axes = figure.add_subplot()
        axes.axvspan(-1, 1, color="0.88", lw=0)
        axes.axvline(0, color=GRAY, lw=0.8)
        for row in range(dataset.sizes["claim"]):
            _draw_claim(axes, dataset.isel(claim=row), row)
        for color, (law, mark) in zip(PALETTE, MARKS.items(), strict=False):
            axes.plot([], [], mark, color=color, label=law)
        axes.plot([], [], marker="s", ls="none", color="0.88", ms=8, label="measured interval")
        labels = axes.set_yticks(range(dataset.sizes["claim"]), [str(name) for name in dataset["claim"].values])
        for tick, explained in zip(labels, dataset["explained"].values, strict=True):
            tick.label1.set_color("black" if explained else GRAY)
        axes.set(xlim=(-FARTHEST - 0.7, FARTHEST + 8), ylim=(dataset.sizes["claim"] - 0.5, -0.5))
        axes.set_xticks([-9, -6, -3, -1, 0, 1, 3, 6, 9])
        axes.set_xlabel("prediction − measured value, in units of the measured interval's half")
        figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=8)
        save_figure(figure, path)
    return path


def _draw_claim(axes: Axes, claim: xr.Dataset, row: int) -> None:
    """Draw the predictions of one claim, and write the measured value."""
    measured, low, high = (float(claim[name]) for name in ("measured", "low", "high"))
    for color, (law, mark) in zip(PALETTE, MARKS.items(), strict=False):
        predicted = float(claim["predicted"].sel(law=law))
        if np.isfinite(predicted) and np.isfinite(measured):
            side = np.sign(predicted - measured)
            place = np.clip(side * float(claim["distance"].sel(law=law)), -FARTHEST, FARTHEST)
            axes.plot(place, row, mark, color=color, ms=6, mew=0, alpha=0.85)
    text: dict[str, Any] = {"fontsize": 7.5, "va": "center", "color": GRAY}
    if np.isfinite(measured):
        axes.text(FARTHEST + 0.8, row, f"{measured:.3g} ({low:.3g} – {high:.3g})".replace("-", "−"), **text)
    else:
        axes.text(FARTHEST + 0.8, row, "no value", **text)
    if not claim["applies"].any():
        axes.text(1.3, row, "no law applies", **text)
