"""The step of generalisation against a swept key, on log axes, with the published law beside it."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from grok.reports.figure import RC, save
from grok.reports.style import NEUTRAL, TEST


def draw(dataset: xr.Dataset, path: Path, *, x: str, label: str, from_x: float, to_x: float, exponent: float) -> Path:
    """Draw a point for each seed, a line through their geometric means, the published law where it was seen, and, at
    the top, runs that never generalised."""
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.add_subplot()
        decays = dataset[x].values
        steps = dataset["generalization_step"].transpose("seed", x).values
        for own in steps:
            axes.plot(decays, own, "o", color=TEST, ms=4, alpha=0.7, mew=0)
        finished = dataset["finished"].transpose("seed", x).values
        reached = np.isfinite(steps).all(0)
        axes.plot(decays[reached], np.exp(np.log(steps[:, reached]).mean(0)), color=TEST, linewidth=1.4)
        last = int(dataset["step"][-1])
        for decay, never in zip(decays, (np.isnan(steps) & finished).sum(0), strict=True):
            if never:
                axes.annotate(f"{never} never", (decay, last), color=TEST, fontsize=7.5, ha="center")
        within = (decays >= from_x) & (decays <= to_x) & reached
        if within.any():
            law = np.array([from_x, to_x])
            middle = np.exp(np.log(decays[within]).mean()), np.exp(np.log(steps[:, within]).mean())
            axes.plot(law, middle[1] * (law / middle[0]) ** exponent, color=NEUTRAL, linewidth=1.2, linestyle="--")
            axes.annotate(
                f"published: slope {exponent:g}",
                (law[1], middle[1] * (law[1] / middle[0]) ** exponent),
                xytext=(0, -6),
                textcoords="offset points",
                color=NEUTRAL,
                ha="right",
                va="top",
            )
        axes.set(xscale="log", yscale="log", xlabel=label, ylabel="step of generalisation")
        known = steps[np.isfinite(steps)]
        axes.set_xlim(decays.min() / 1.5, decays.max() * 1.5)
        axes.set_ylim(known.min() / 2 if known.size else 1, 1.5 * (known.max() if reached.all() else last))
        save(figure, path)
    return path
