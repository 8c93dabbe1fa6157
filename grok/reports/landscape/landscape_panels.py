"""Panels of the reduced landscape: losses and accuracies versus the weight norm at which the network is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from scipy.stats import gmean

from grok.records.per_run import final_values, reduce_curves
from grok.reports.style import GRAY, PALETTE, SEQUENTIAL, TEST, TEST_STYLE, TRAIN, set_plain_ticks
from grok.science.landscape.reduced_landscape import CriticalNorm, critical_fraction, norm_of_lowest_loss
from grok.science.statistics.curves import maximum

FLOOR = 1e-8  # smaller losses are clipped to it on log axes
NORM_LABEL = "α: weight norm / default weight norm"
WIDE_RANGE = 1e4  # ratio of axis limits; axes over more have ticks at powers of ten only
MAX_PALETTE_CURVES = 3  # up to this number, curves have the palette's colors


def loss_landscape(axes: Axes, dataset: xr.Dataset) -> None:
    """Final train and test loss over α, with lines at the default norm and at w_c, where the test loss is lowest.

    Curves are geometric means over seeds, and shades are ranges.
    """
    scales = dataset["init_scale"].values
    for name, color, style in (("train_loss", TRAIN, "-"), ("test_loss", TEST, TEST_STYLE)):
        final = final_values(dataset, name).transpose("seed", "init_scale").values
        mean = gmean(final, 0).clip(FLOOR)
        low, high = final.min(0).clip(FLOOR), final.max(0).clip(FLOOR)
        axes.fill_between(scales, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(scales, mean, color=color, linestyle=style, linewidth=1.6)
        at = -1 if name == "test_loss" else len(scales) // 2
        label, offset, align = ("test", (-6, 8), "right") if name == "test_loss" else ("train", (0, -12), "center")
        placement: Any = {"xytext": offset, "textcoords": "offset points", "ha": align}
        axes.annotate(label, (scales[at], mean[at]), **placement, color=color)
    _labeled_line(axes, 1.0, "default norm", GRAY, level=1.0)
    critical = critical_norm(dataset)
    if np.isfinite(critical):
        _labeled_line(axes, critical, f"$w_c$ = {critical:.2f} $w_0$", TEST, level=0.02)
    axes.set(xscale="log", yscale="log", xlabel=NORM_LABEL, ylabel="final mean squared error")
    set_plain_ticks(axes.xaxis)


def critical_norm(dataset: xr.Dataset) -> float:
    """w_c, where the final test loss is lowest: the geometric mean over seeds; NaN if a seed has no w_c."""
    final = final_values(dataset, "test_loss").transpose("seed", "init_scale").values
    norms = [norm_of_lowest_loss(dataset["init_scale"].values, losses, logarithmic=True) for losses in final]
    return float(np.exp(np.log(norms).mean()))


def reduced_curves(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    quantity: str,
    reduce: Callable[..., float],
    key: str,
    names: str,
    label: str,
    scale: str,
    published: Mapping[float, Sequence[tuple[float, float, float]]],
    critical: CriticalNorm | None = None,
) -> None:
    """A quantity reduced to a number by `reduce`, over α: the mean over seeds and their range, for each value of `key`.

    On a log axis the mean is geometric, and values are clipped to `FLOOR`. `names` is the format of the legend's
    entries, {} the value of `key`; an empty one means no legend, for example if a neighboring panel has it.

    `published` maps a value of `key` to [α from, α to, value], drawn as hollow circles. `critical` returns w_c of one
    seed's curve; a triangle at the bottom marks the geometric mean over seeds.
    """
    values = reduce_curves(dataset, quantity, reduce).transpose(key, "seed", "init_scale")
    ticks = values[key].values
    floor = FLOOR if scale == "log" else -np.inf
    for tick, color in zip(ticks, curve_colors(len(ticks)), strict=True):
        curves = values.sel({key: tick})
        _mean_and_range(axes, curves, floor, color, names.format(f"{tick:,g}") if names else None)
        _published_values(axes, published.get(float(tick), ()), color)
        if critical is not None:
            _critical_marker(axes, curves, critical, color)
    _set_up_axes(axes, label, scale)
    if critical is not None:
        axes.set_title("▲ $w_c$: lowest point", fontsize=8, loc="left")
    if (values < floor).any():
        _note(axes, "clipped at $10^{-8}$", 0.02, "left", fontsize=7)
    if names:
        axes.legend(fontsize=8, framealpha=1, edgecolor="none", labelcolor="linecolor", handlelength=1.2)
    if names and published:
        _note(axes, "○ published", 0.98, "right", fontsize=8)


def _mean_and_range(axes: Axes, curves: xr.DataArray, floor: float, color: Any, name: str | None) -> None:
    """Draw the mean over seeds and the range; the mean is geometric if the values have a floor."""
    scales = curves["init_scale"].values
    low, high = curves.min("seed").clip(floor), curves.max("seed").clip(floor)
    axes.fill_between(scales, low, high, color=color, alpha=0.2, linewidth=0)
    mean = curves.reduce(gmean, "seed") if np.isfinite(floor) else curves.mean("seed")
    axes.plot(scales, mean.clip(floor), "o-", color=color, linewidth=1.5, ms=3, mew=0, label=name)


def _published_values(axes: Axes, published: Sequence[tuple[float, float, float]], color: Any) -> None:
    """Draw published [α from, α to, value] as hollow circles."""
    hollow: dict[str, Any] = {"mfc": "white", "mec": color, "ms": 5.5, "lw": 0.8, "zorder": 5}
    for from_x, to_x, value in published:
        axes.plot([from_x, to_x], [value] * 2, "o-", color=color, **hollow)


def _critical_marker(axes: Axes, curves: xr.DataArray, critical: CriticalNorm, color: Any) -> None:
    """Draw a triangle at the geometric mean of the seeds' w_c."""
    scales = curves["init_scale"].values
    norm = np.exp(np.mean(np.log([critical(scales, curve) for curve in curves.values])))
    axes.plot(norm, 0.03, "^", color=color, ms=6, mec="white", mew=0.6, transform=axes.get_xaxis_transform())


def _set_up_axes(axes: Axes, label: str, scale: str) -> None:
    """Set labels, scales, limits and ticks, with the y axis' label and scale, and draw a line at the default norm."""
    axes.axvline(1, color=GRAY, linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale=scale, xlabel=NORM_LABEL, ylabel=label)
    set_plain_ticks(axes.xaxis)
    if scale == "linear":
        axes.set_ylim(-0.02, 1.02)
    elif np.divide(*axes.get_ylim()[::-1]) < WIDE_RANGE:
        set_plain_ticks(axes.yaxis)


def _note(axes: Axes, text: str, x: float, align: str, *, fontsize: float) -> None:
    """Write a gray note at the bottom of the axes."""
    axes.annotate(text, (x, 0.02), xycoords="axes fraction", color=GRAY, fontsize=fontsize, ha=align)


@dataclass(frozen=True, kw_only=True)
class PublishedValue:
    """A published value, with the name at its line."""

    name: str
    value: float


def best_norm(
    axes: Axes, dataset: xr.Dataset, *, key: str, label: str, level: float, published: PublishedValue
) -> None:
    """Best test accuracy over all norms and evaluation steps versus a swept data fraction, one curve per seed.

    A diamond marks where the accuracy rises to `level`, averaged over the seeds that reach it. A line marks the
    published value.
    """
    best = reduce_curves(dataset, "test_accuracy", maximum).transpose("seed", "init_scale", key)
    fractions = best[key].values
    for accuracy in best.max("init_scale").values:
        axes.plot(fractions, accuracy, "o-", color="black", linewidth=1.0, ms=3.5, mew=0, alpha=0.7)
    rises = [critical_fraction(best["init_scale"].values, fractions, seed, level=level) for seed in best.values]
    if finite := [fraction for fraction in rises if np.isfinite(fraction)]:
        mean = float(np.mean(finite))
        axes.plot(mean, level, "D", color="black", ms=6, zorder=5)
        n_seeds = f", {len(finite)} of {len(rises)} seeds" if len(finite) < len(rises) else ""
        style: Any = {"xytext": (7, -3), "textcoords": "offset points", "color": "black", "fontsize": 8}
        axes.annotate(f"ours: {mean:.2f}{n_seeds}", (mean, level), **style)
    axes.axvline(published.value, color=GRAY, linewidth=0.8, linestyle="--", zorder=0)
    style = {"xytext": (3, 0), "textcoords": "offset points", "va": "bottom", "color": GRAY, "fontsize": 7.5}
    axes.annotate(published.name, (published.value, 0.03), **style, xycoords=("data", "axes fraction"))
    axes.set(xlabel=label, ylabel="test accuracy at the best norm", ylim=(-0.02, 1.02))


def curve_colors(n: int) -> list[Any]:
    """n colors: of the palette up to `MAX_PALETTE_CURVES`, else from dark to light."""
    return [*PALETTE[:n]] if n <= MAX_PALETTE_CURVES else [*SEQUENTIAL(np.linspace(0, 1, n))]


def _labeled_line(axes: Axes, x: float, name: str, color: str, *, level: float) -> None:
    """Draw a vertical line with its name above the axes, or to its left at a `level` below 1."""
    is_above = level >= 1
    axes.axvline(x, color=color, linewidth=0.8, linestyle=":")
    style: Any = {"xycoords": ("data", "axes fraction"), "fontsize": 7.5, "ha": "center" if is_above else "right"}
    placement: Any = {"xytext": (0 if is_above else -3, 0), "textcoords": "offset points", "va": "bottom"}
    axes.annotate(name, (x, level), **style, **placement, color=color)
