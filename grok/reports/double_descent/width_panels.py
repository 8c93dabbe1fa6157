"""Panels over widths and steps: maps with the contour of the training accuracy, and curves over widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from grok.records.per_run import per_run
from grok.reports.style import SEQUENTIAL, color_bar

WIDTH = "model.width"


def map_over_steps(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    quantity: str,
    where: Mapping[str, Any],
    label: str,
    title: str,
    logarithmic: bool,
    level: float,
) -> None:
    """A quantity by width and step, the mean over seeds, with a contour where the training accuracy is `level`.

    Step 0 is left out, because a log axis lacks it.
    """
    chosen = dataset.sel(where)
    values, train = (_mean_curves(chosen, name) for name in (quantity, "train_accuracy"))
    steps, widths = values["step"].values, values[WIDTH].values
    shown = values.values
    norm = LogNorm(shown.min(), shown.max()) if logarithmic else Normalize(0, 1)
    style: Any = {"cmap": SEQUENTIAL, "norm": norm, "shading": "nearest", "rasterized": True}
    axes.pcolormesh(steps, widths, shown, **style)
    if train.values.min() < level < train.values.max():
        axes.contour(steps, widths, train.values, levels=[level], colors="white", linewidths=1.4)
    axes.set(xscale="log", yscale="log", xlabel="optimizer step", ylabel="width", xlim=(steps[0], steps[-1]))
    _set_width_ticks(axes.yaxis, widths)
    axes.set_title(title, fontsize=9)
    ticks = LogLocator(subs=(1, 3)) if logarithmic else MaxNLocator(5)
    color_bar(axes, ScalarMappable(norm, SEQUENTIAL), label, ticks, "{:.3g}")


def curves_over_widths(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    quantity: str,
    where: Mapping[str, Any],
    steps: Sequence[int],
    label: str,
    title: str,
    logarithmic: bool,
    level: float,
) -> None:
    """A quantity over widths at the last evaluations up to some `steps`: a dot per seed and a line for their mean.

    A dotted line is at the first width whose final training accuracy, the mean over seeds, is `level`.
    """
    chosen = dataset.sel(where)
    curves = per_run(chosen, quantity, over_steps=True).transpose("seed", WIDTH, "step")
    widths, evaluated = chosen[WIDTH].values, curves["step"].values
    for number, step in enumerate(steps):
        values = curves.values[..., np.searchsorted(evaluated, step, side="right") - 1]
        color = SEQUENTIAL(0.95 * (1 - number / max(1, len(steps) - 1)))
        axes.plot(widths, values.T, "o", color=color, ms=2.5, mew=0, alpha=0.6)
        axes.plot(widths, values.mean(0), color=color, lw=1.5, label=f"step {step:,}")
    fits = per_run(chosen, "train_accuracy").transpose("seed", WIDTH).values.mean(0) >= level
    if fits.any():
        axes.axvline(widths[fits.argmax()], color="black", lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log" if logarithmic else "linear", xlabel="width", ylabel=label)
    if not logarithmic:
        axes.set_ylim(0, 1.02)
    _set_width_ticks(axes.xaxis, widths)
    axes.set_title(title, fontsize=9)
    axes.legend(fontsize=7, frameon=False)


def _mean_curves(dataset: xr.Dataset, quantity: str) -> xr.DataArray:
    """The mean over seeds of a quantity by width and step, from the second evaluation on."""
    return per_run(dataset, quantity, over_steps=True).mean("seed").transpose(WIDTH, "step").isel(step=slice(1, None))


def _set_width_ticks(axis: Any, widths: np.ndarray) -> None:
    axis.set_major_locator(FixedLocator(widths.tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}")
