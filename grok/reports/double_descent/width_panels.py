"""Panels over widths and steps: maps with the contour of the training accuracy, curves over widths, and over steps."""

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
from grok.reports.style import GRAY, PALETTE, SEQUENTIAL, color_bar
from grok.science.double_descent.peaks import fitting_threshold

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
    bar: bool,
) -> None:
    """A quantity by width and step, the mean over seeds, with a contour where the training accuracy is `level`.

    The colors are those of all runs of the sweep. Step 0 is left out, because a log axis lacks it.
    """
    values, train = (_mean_curves(dataset.sel(where), name) for name in (quantity, "train_accuracy"))
    steps, widths, everywhere = values["step"].values, values[WIDTH].values, _mean_curves(dataset, quantity).values
    norm = LogNorm(everywhere.min(), everywhere.max()) if logarithmic else Normalize(0, 1)
    style: Any = {"cmap": SEQUENTIAL, "norm": norm, "shading": "nearest", "rasterized": True}
    axes.pcolormesh(steps, widths, values.values, **style)
    if train.values.min() < level < train.values.max():
        axes.contour(steps, widths, train.values, levels=[level], colors="white", linewidths=1.4)
    axes.set(xscale="log", yscale="log", xlabel="optimizer step", ylabel="width", xlim=(steps[0], steps[-1]))
    _set_width_ticks(axes.yaxis, widths)
    axes.set_title(title, fontsize=9)
    if bar:
        ticks = LogLocator(subs=(1, 3)) if logarithmic else MaxNLocator(5)
        color_bar(axes, ScalarMappable(norm, SEQUENTIAL), label, ticks, "{:.3g}")


def curves_over_widths(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    quantity: str,
    where: Mapping[str, Any],
    label: str,
    logarithmic: bool,
    level: float,
) -> None:
    """The final values of a quantity over widths: a line for each seed and a bold one for their mean.

    A dotted line is at each seed's threshold, from which all wider networks have a training accuracy of `level`.
    """
    chosen = dataset.sel(where)
    values, train = (per_run(chosen, name).transpose("seed", WIDTH).values for name in (quantity, "train_accuracy"))
    widths = chosen[WIDTH].values
    for number, (own, accuracy) in enumerate(zip(values, train, strict=True)):
        color = PALETTE[number % len(PALETTE)]
        axes.plot(widths, own, "o-", color=color, ms=3, mew=0, lw=0.9, label=f"seed {chosen['seed'].values[number]}")
        threshold = fitting_threshold(widths, accuracy, level=level)
        if np.isfinite(threshold):  # seeds with the same threshold are drawn beside each other
            axes.axvline(threshold * 1.015**number, color=color, lw=1.1, ls=":")
    axes.plot(widths, values.mean(0), color="black", lw=2, label="mean")
    axes.set(xscale="log", yscale="log" if logarithmic else "linear", xlabel="width", ylabel=label)
    if not logarithmic:
        axes.set_ylim(0, 1.02)
    _set_width_ticks(axes.xaxis, widths)
    axes.legend(fontsize=7, frameon=False, ncols=2)


def accuracy_over_steps(
    axes: Axes, dataset: xr.Dataset, *, where: Mapping[str, Any], widths: Sequence[int], legend: bool
) -> None:
    """The test accuracy of every seed over steps at some widths, and the mean accuracy on held-out pairs (0, b)."""
    chosen = dataset.sel(where)
    for number, width in enumerate(widths):
        color = SEQUENTIAL(0.9 * number / max(1, len(widths) - 1))
        test, zero = (
            per_run(chosen.sel({WIDTH: width}), name, over_steps=True)
            .transpose("seed", "step")
            .isel(step=slice(1, None))
            for name in ("test_accuracy", "zero_operand_accuracy")
        )
        axes.plot(test["step"], test.values.T, color=color, lw=1.1, alpha=0.9)
        axes.plot(zero["step"], zero.values.mean(0), color=color, lw=1.2, ls="--")
        axes.plot([], [], color=color, label=f"width {width}")
    axes.plot([], [], color=GRAY, ls="--", label="pairs (0, b)")
    steps = chosen["step"].values[[1, -1]]
    axes.set(xscale="log", xlabel="optimizer step", ylabel="test accuracy", ylim=(0, 1.05), xlim=steps)
    if legend:
        place: Any = {"loc": "lower left", "bbox_to_anchor": (0, 0.98), "ncols": 3, "columnspacing": 1.2}
        axes.legend(fontsize=7, frameon=False, **place)


def _mean_curves(dataset: xr.Dataset, quantity: str) -> xr.DataArray:
    """The mean over seeds of a quantity by width and step, from the second evaluation on."""
    return (
        per_run(dataset, quantity, over_steps=True).mean("seed").transpose(WIDTH, "step", ...).isel(step=slice(1, None))
    )


def _set_width_ticks(axis: Any, widths: np.ndarray) -> None:
    axis.set_major_locator(FixedLocator(widths.tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}")
