"""The loss of every subtask over training, sharp and one after the other, under the mean, which is smooth (Michaud et
al. 2023, Fig. 8, left)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from grok.reports.by_rank import colour_bar, curves, hex_colours
from grok.reports.figure import RC, save
from grok.reports.losses import INFINITE
from grok.reports.template import filled, script_json
from grok.science.curves import first_below
from grok.science.emergence import CONVERGED, NATS_PER_BIT, convergence_steps
from grok.science.quanta import asymptotic_exponents, zipf_frequencies

FLOOR = 1e-3  # bits: what is below has been learned, and is drawn there


class SubtaskCurves:
    """Thin curves coloured by rank and their mean over log steps; on the page a subtask can be picked out."""

    title = "Subtasks and their mean"
    needs = ("subtask_loss", "test_loss")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the curves, the mean, and the slope of theory."""
        steps, mean, losses, alpha = _read(record)
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(6.0, 4.0), layout="constrained")
            axes = figure.add_subplot()
            curves(axes, steps, losses.clip(FLOOR), width=0.7, alpha=0.8)
            axes.plot(steps, mean, color="black", lw=2.4)
            axes.plot(steps, _slope(steps, mean, alpha), color="black", lw=1.0, ls=INFINITE)
            axes.set(xscale="log", yscale="log", xlim=(steps[0], max(2, steps[-1])), ylim=(FLOOR, 1.5))
            axes.set(xlabel="optimiser step", ylabel="loss (bits)")
            axes.xaxis.set_minor_formatter(NullFormatter())  # over few decades they would touch
            told = (
                f"mean (thick), slope −α/(1+α) = −{asymptotic_exponents(alpha).steps:.2f} of infinitely many (dashed)"
            )
            axes.set_title(told, fontsize=8, loc="left")
            colour_bar(axes, losses.shape[1])
            save(figure, path, vector=False)
        return path

    def section(self, record: xr.Dataset) -> str:
        """The curves with a slider over the subtasks, which the pointer picks out as well."""
        steps, mean, losses, alpha = _read(record)
        converged = convergence_steps(steps, losses, below=CONVERGED)
        content: dict[str, Any] = {
            "steps": steps.tolist(),
            "mean": _known(mean),
            "losses": [_known(loss) for loss in losses.T],
            "frequencies": zipf_frequencies(losses.shape[1], alpha=alpha).tolist(),
            "converged": _known(converged),
            "colours": hex_colours(losses.shape[1]),
            "slope": _known(_slope(steps, mean, alpha)),
        }
        return filled("subtask_curves", content=script_json(content), floor=str(FLOOR))


def _read(record: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Steps from a decade before the mean falls, it and the subtasks' losses [step, subtask] there in bits, and α."""
    steps = record["step"].values
    begins = _falls(steps, record["test_loss"].values / NATS_PER_BIT)
    shown = record.isel(step=steps >= (max(1, begins / 10) if np.isfinite(begins) else 1))
    losses = shown["subtask_loss"].transpose("step", "subtask").values / NATS_PER_BIT
    alpha = float(json.loads(record.attrs["config"])["task"]["alpha"])
    return shown["step"].values, shown["test_loss"].values / NATS_PER_BIT, losses, alpha


def _falls(steps: np.ndarray, mean: np.ndarray) -> float:
    """The step at which the mean has fallen to 90 %; infinite where it never has."""
    return first_below(steps, mean, level=0.9)


def _slope(steps: np.ndarray, mean: np.ndarray, alpha: float) -> np.ndarray:
    """A line of theory's slope from 1 bit where the mean has fallen to 90 %, and so above the mean; NaN before."""
    begins = _falls(steps, mean)
    line = np.maximum(steps / begins, 1) ** -asymptotic_exponents(alpha).steps
    return np.where(steps >= begins, line, np.nan)


def _known(values: np.ndarray) -> list[float | None]:
    """Four digits; what is not finite is none."""
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]
