"""The sharp loss curve of every subtask and their smooth mean over training (Michaud et al. 2023, Fig. 8, left)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from grok.reports.quanta.rank_colors import hex_colors, rank_color_bar, subtask_lines
from grok.reports.run.plots import Plot
from grok.reports.style import INFINITE_STYLE, RC, save_figure
from grok.reports.template import fill_template, script_json
from grok.science.quanta.emergence import CONVERGED_BITS, NATS_PER_BIT, convergence_steps
from grok.science.quanta.quantization_model import asymptotic_exponents, zipf_frequencies
from grok.science.statistics.curves import first_below

FLOOR = 1e-3  # bits; smaller losses, of learned subtasks, are clipped to it


class SubtaskCurves(Plot):
    """Thin curves colored by rank, and their mean, over log steps; on the page, a subtask can be highlighted."""

    title = "Subtasks and their mean"
    needs = ("subtask_loss", "test_loss")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the curves, the mean, and the slope of the theory."""
        steps, mean, losses, alpha = _read(record)
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(6.0, 4.0), layout="constrained")
            axes = figure.add_subplot()
            subtask_lines(axes, steps, losses.clip(FLOOR), width=0.7, alpha=0.8)
            axes.plot(steps, mean, color="black", lw=2.4)
            axes.plot(steps, _slope(steps, mean, alpha), color="black", lw=1.0, ls=INFINITE_STYLE)
            axes.set(xscale="log", yscale="log", xlim=(steps[0], max(2, steps[-1])), ylim=(FLOOR, 1.5))
            axes.set(xlabel="optimizer step", ylabel="loss (bits)")
            axes.xaxis.set_minor_formatter(NullFormatter())  # minor labels would overlap
            exponent = asymptotic_exponents(alpha).steps
            caption = f"thick: mean; dashed: slope −α/(1+α) = −{exponent:.2f} for ∞ subtasks"
            axes.set_title(caption, fontsize=8, loc="left")
            rank_color_bar(axes, losses.shape[1])
            save_figure(figure, path, vector=False)
        return path

    def section(self, record: xr.Dataset) -> str:
        """The curves, with a slider over subtasks; the pointer selects a subtask, too."""
        steps, mean, losses, alpha = _read(record)
        converged = convergence_steps(steps, losses, below=CONVERGED_BITS)
        content: dict[str, Any] = {
            "steps": steps.tolist(),
            "mean": _json_numbers(mean),
            "losses": [_json_numbers(loss) for loss in losses.T],
            "frequencies": zipf_frequencies(losses.shape[1], alpha=alpha).tolist(),
            "converged": _json_numbers(converged),
            "colors": hex_colors(losses.shape[1]),
            "slope": _json_numbers(_slope(steps, mean, alpha)),
        }
        return fill_template("quanta/subtask_curves", content=script_json(content), floor=str(FLOOR))


def _read(record: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Steps from a decade before the mean falls, the mean and subtask losses [step, subtask] in bits, and α."""
    steps = record["step"].values
    start = _start_of_fall(steps, record["test_loss"].values / NATS_PER_BIT)
    shown = record.isel(step=steps >= (max(1, start / 10) if np.isfinite(start) else 1))
    losses = shown["subtask_loss"].transpose("step", "subtask").values / NATS_PER_BIT
    alpha = float(json.loads(record.attrs["config"])["task"]["alpha"])
    return shown["step"].values, shown["test_loss"].values / NATS_PER_BIT, losses, alpha


def _start_of_fall(steps: np.ndarray, mean: np.ndarray) -> float:
    """The step at which the mean has fallen to 90 % of 1 bit; infinite if it never has."""
    return first_below(steps, mean, level=0.9)


def _slope(steps: np.ndarray, mean: np.ndarray, alpha: float) -> np.ndarray:
    """A line with the slope of the theory, above the mean: 1 bit where the mean has fallen to 90 %; NaN before."""
    start = _start_of_fall(steps, mean)
    line = np.maximum(steps / start, 1) ** -asymptotic_exponents(alpha).steps
    return np.where(steps >= start, line, np.nan)


def _json_numbers(values: np.ndarray) -> list[float | None]:
    """The values with four digits; None if not finite."""
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]
