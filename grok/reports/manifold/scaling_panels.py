"""Panels of the loss and its exponents by the dimension of the data manifold (Sharma & Kaplan 2022)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from grok.records.per_run import per_run
from grok.reports.style import (
    FINITE_STYLE,
    GRAY,
    INFINITE_STYLE,
    SEQUENTIAL,
    TRAIN,
    format_interval,
    format_signed,
    set_plain_ticks,
)
from grok.science.statistics.power_law import PowerLaw, power_law

DIMENSION, WIDTH = "task.intrinsic_dimension", "model.width"


def losses_versus_size(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    key: str,
    label: str,
    by: str | None = None,
    reduce: Callable[..., float] | None = None,
    share: bool = False,
) -> None:
    """The test loss of every seed versus the swept `key`, or a quantity `by`, at each d, with power laws.

    With `share`, it is divided by the variance of the targets: 1 is the loss of guessing their mean.
    """
    dims = dataset[DIMENSION].values
    for d, color in zip(dims, dimension_colors(dims), strict=True):
        chosen = dataset.sel({DIMENSION: d})
        x, y = _points(chosen, key, by, reduce)
        if share:
            y = y / chosen["target_variance"].transpose("seed", key).values
        fit = _fit(x, y)
        ends = np.array([x.min(), x.max()])
        axes.plot(x.ravel(), y.ravel(), "o", color=color, ms=3.5, mew=0, alpha=0.7)
        name = f"d = {d}: slope {format_signed(fit.exponent)}{format_interval(fit)}"
        axes.plot(ends, fit.coefficient * ends**fit.exponent, color=color, lw=1.4, label=name)
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="test loss (squared error)")
    if share:
        axes.set_ylabel("test loss / variance of the targets")
    axes.set_ylim(0.02 * axes.dataLim.y0, None)  # room for the legend
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=7.5, frameon=False, loc="lower left")


def exponents_versus_dimension(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    key: str,
    label: str,
    by: str | None = None,
    reduce: Callable[..., float] | None = None,
) -> None:
    """The exponent of the loss at each d with its interval over seeds, and the lines 4/d and 2/d."""
    dims = dataset[DIMENSION].values.astype(float)
    fits = [_fit(*_points(dataset.sel({DIMENSION: d}), key, by, reduce)) for d in dims]
    alpha, low, high = (-np.array([getattr(fit, part) for fit in fits]) for part in ("exponent", "high", "low"))
    bars = np.nan_to_num([alpha - low, high - alpha]).clip(0)
    axes.errorbar(dims, alpha, yerr=bars, fmt="o-", color=TRAIN, ms=4.5, mew=0, lw=1.2, label="ours, 95 % over seeds")
    grid = np.geomspace(dims.min(), dims.max(), 50)
    lines: tuple[tuple[float, Any, str], ...] = ((4.0, FINITE_STYLE, "black"), (2.0, INFINITE_STYLE, GRAY))
    for numerator, style, color in lines:
        axes.plot(grid, numerator / grid, color=color, ls=style, lw=1.1, label=f"{numerator:g} / d")
    axes.set(xscale="log", yscale="log", xlabel="dimension d of the manifold", ylabel=label)
    axes.xaxis.set_major_locator(FixedLocator(dims.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    set_plain_ticks(axes.yaxis)
    axes.legend(fontsize=7.5, frameon=False)


def train_test_ratio(axes: Axes, dataset: xr.Dataset, *, teacher_width: int) -> None:
    """The final training loss / test loss over widths at each d, with the teacher's width: below 1, examples limit."""
    dims = dataset[DIMENSION].values
    for d, color in zip(dims, dimension_colors(dims), strict=True):
        chosen = dataset.sel({DIMENSION: d})
        train, test = (per_run(chosen, name).transpose("seed", WIDTH).values for name in ("train_loss", "test_loss"))
        axes.plot(chosen[WIDTH], (train / test).T, "o", color=color, ms=3, mew=0, alpha=0.6)
        axes.plot(chosen[WIDTH], (train / test).mean(0), color=color, lw=1.4, label=f"d = {d}")
    axes.axvline(teacher_width, color="black", lw=0.9, ls=":", label="teacher's width")
    axes.set(xscale="log", xlabel="width", ylabel="final training loss / test loss", ylim=(0, 1.15))
    set_plain_ticks(axes.xaxis)
    axes.legend(fontsize=7.5, frameon=False, loc="lower left")


def dimension_colors(dims: np.ndarray) -> list[Any]:
    """A color for each dimension, from dark to light."""
    return [SEQUENTIAL(0.9 * number / max(1, len(dims) - 1)) for number in range(len(dims))]


def _points(
    dataset: xr.Dataset, key: str, by: str | None, reduce: Callable[..., float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and losses [seed, size]."""
    losses = per_run(dataset, "test_loss", reduce=reduce).transpose("seed", key)
    sizes = (dataset[by] if by else dataset[key]).broadcast_like(losses).transpose("seed", key)
    return sizes.values.astype(float), losses.values


def _fit(x: np.ndarray, y: np.ndarray) -> PowerLaw:
    """The power law through the points [seed, size] of all seeds."""
    return power_law(x.ravel(), y.ravel(), groups=np.repeat(np.arange(len(x)), x.shape[1]))
