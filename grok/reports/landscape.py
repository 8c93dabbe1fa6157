"""The reduced landscape: what a network comes to over the weight norm at which it was held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from scipy.stats import gmean

from grok.records.sweep import last_look, read_off
from grok.reports.by_rank import COLOURS
from grok.reports.losses import plain_ticks
from grok.reports.style import DASHED, LINES, NEUTRAL, TEST, TRAIN
from grok.science.curves import highest
from grok.science.landscape import CriticalNorm, critical_fraction, lowest_norm

FLOOR = 1e-8  # losses below are drawn here: the axis is logarithmic
NORM = "α: weight norm / usual weight norm"
WIDE = 1e4  # axes over more than this have powers of ten alone
FEW = 3  # curves that are told apart by the palette's colours


def losses(axes: Axes, dataset: xr.Dataset) -> None:
    """The final train and test loss over α, their names, the usual norm, and w_c, where the test loss is lowest."""
    scales = dataset["init_scale"].values
    for name, colour, style in (("train_loss", TRAIN, "-"), ("test_loss", TEST, DASHED)):
        final = last_look(dataset, name).transpose("seed", "init_scale").values
        mean = gmean(final, 0).clip(FLOOR)
        seeds = final.min(0).clip(FLOOR), final.max(0).clip(FLOOR)
        axes.fill_between(scales, *seeds, color=colour, alpha=0.2, linewidth=0)
        axes.plot(scales, mean, color=colour, linestyle=style, linewidth=1.6)
        where = -1 if name == "test_loss" else len(scales) // 2
        label = ("test", (-6, 8), "right") if name == "test_loss" else ("train", (0, -12), "center")
        shift: Any = {"xytext": label[1], "textcoords": "offset points", "ha": label[2]}
        axes.annotate(label[0], (scales[where], mean[where]), **shift, color=colour)
    _named_line(axes, 1.0, "usual norm", NEUTRAL, level=1.0)
    critical = critical_norm(dataset)
    if np.isfinite(critical):
        _named_line(axes, critical, f"$w_c$ = {critical:.2f} $w_0$", TEST, level=0.02)
    axes.set(xscale="log", yscale="log", xlabel=NORM, ylabel="final mean squared error")
    plain_ticks(axes.xaxis)


def critical_norm(dataset: xr.Dataset) -> float:
    """w_c: where the final test loss is lowest, the geometric mean of the seeds'; NaN where one has none."""
    final = last_look(dataset, "test_loss").transpose("seed", "init_scale").values
    found = [lowest_norm(dataset["init_scale"].values, own, logarithmic=True) for own in final]
    return float(np.exp(np.log(found).mean()))


def curves(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    quantity: str,
    of_curve: Callable[..., float],
    key: str,
    names: str,
    label: str,
    scale: str,
    published: Mapping[float, Sequence[tuple[float, float, float]]],
    critical: CriticalNorm | None = None,
) -> None:
    """What `of_curve` reads off a quantity over α, a curve for each value of another swept `key`: the mean of the seeds
    and their range; on a logarithmic axis the geometric mean, and what is below `FLOOR` is drawn there. `names` is the
    form of their names, {} the value; none where empty, as in a panel beside another.

    `published` has [from α, to α, value] for values of the key, as hollow circles. `critical` finds w_c on each seed's
    curve, and its geometric mean is a triangle at the foot.
    """
    found = read_off(dataset, quantity, of_curve).transpose(key, "seed", "init_scale")
    scales, ticks = found["init_scale"].values, found[key].values
    floor = FLOOR if scale == "log" else -np.inf
    for tick, colour in zip(ticks, colours(len(ticks)), strict=True):
        own = found.sel({key: tick})
        seeds = own.min("seed").clip(floor), own.max("seed").clip(floor)
        axes.fill_between(scales, *seeds, color=colour, alpha=0.2, linewidth=0)
        name = names.format(f"{tick:,g}") if names else None
        mean = own.mean("seed") if scale == "linear" else own.reduce(gmean, "seed")
        axes.plot(scales, mean.clip(floor), "o-", color=colour, linewidth=1.5, ms=3, mew=0, label=name)
        for from_x, to_x, value in published.get(float(tick), ()):
            hollow: Any = {"mfc": "white", "mec": colour, "ms": 5.5, "lw": 0.8, "zorder": 5}
            axes.plot([from_x, to_x], [value] * 2, "o-", color=colour, **hollow)
        if critical is not None:
            at = np.exp(np.mean(np.log([critical(scales, each) for each in own.values])))
            axes.plot(at, 0.03, "^", color=colour, ms=6, mec="white", mew=0.6, transform=axes.get_xaxis_transform())
    axes.axvline(1, color=NEUTRAL, linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale=scale, xlabel=NORM, ylabel=label)
    plain_ticks(axes.xaxis)
    if (found < floor).any():
        at_foot: Any = {"xy": (0.02, 0.02), "xycoords": "axes fraction", "fontsize": 7, "color": NEUTRAL}
        axes.annotate("what is less\nis drawn at $10^{-8}$", **at_foot)
    if scale == "linear":
        axes.set_ylim(-0.02, 1.02)
    elif np.divide(*axes.get_ylim()[::-1]) < WIDE:
        plain_ticks(axes.yaxis)
    if names:
        axes.legend(fontsize=8, framealpha=1, edgecolor="none", labelcolor="linecolor", handlelength=1.2)
    if critical is not None:
        axes.set_title("▲ $w_c$, where it is lowest", fontsize=8, loc="left")
    if names and published:
        axes.annotate("○ published", (0.98, 0.02), xycoords="axes fraction", color=NEUTRAL, fontsize=8, ha="right")


def best_norm(
    axes: Axes, dataset: xr.Dataset, *, key: str, label: str, level: float, published: Mapping[str, Any]
) -> None:
    """The best test accuracy of all norms and looks against a swept share of the data, every seed's; where it rises to
    the level, on the average of the seeds that do, and the `value` that was `published`, with its `name`."""
    best = read_off(dataset, "test_accuracy", highest).transpose("seed", "init_scale", key)
    shares = best[key].values
    for own in best.max("init_scale").values:
        axes.plot(shares, own, "o-", color="black", linewidth=1.0, ms=3.5, mew=0, alpha=0.7)
    rises = [critical_fraction(best["init_scale"].values, shares, own, level=level) for own in best.values]
    if risen := [each for each in rises if np.isfinite(each)]:
        axes.plot(np.mean(risen), level, "D", color="black", ms=6, zorder=5)
        beside: Any = {"xytext": (7, -3), "textcoords": "offset points", "color": "black", "fontsize": 8}
        few = f", {len(risen)} of {len(rises)} seeds" if len(risen) < len(rises) else ""
        axes.annotate(f"ours: {np.mean(risen):.2f}{few}", (float(np.mean(risen)), level), **beside)
    axes.axvline(published["value"], color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0)
    beside = {"xytext": (3, 0), "textcoords": "offset points", "va": "bottom", "color": NEUTRAL, "fontsize": 7.5}
    axes.annotate(published["name"], (published["value"], 0.03), **beside, xycoords=("data", "axes fraction"))
    axes.set(xlabel=label, ylabel="test accuracy at the best norm", ylim=(-0.02, 1.02))


def colours(n: int) -> list[Any]:
    """So many colours: of the palette if they are few, else from dark to light."""
    return [*LINES[:n]] if n <= FEW else [*COLOURS(np.linspace(0, 1, n))]


def _named_line(axes: Axes, x: float, name: str, colour: str, *, level: float) -> None:
    """A vertical line with its name above the axes, or at their foot."""
    above = level >= 1
    axes.axvline(x, color=colour, linewidth=0.8, linestyle=":")
    at: Any = {"xycoords": ("data", "axes fraction"), "fontsize": 7.5, "ha": "center" if above else "right"}
    shift: Any = {"xytext": (0 if above else -3, 0), "textcoords": "offset points", "va": "bottom"}
    axes.annotate(name, (x, level), **at, **shift, color=colour)
