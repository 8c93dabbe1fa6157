"""Panels of how many subtasks are learned, and of what each took to be: what a law has that is the same for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from grok.reports.losses import FINITE, interval, plain_ticks, signed, view
from grok.reports.scaling import Scaling
from grok.reports.style import NEUTRAL, TRAIN
from grok.science.emergence import LEARNED, NATS_PER_BIT, n_learned
from grok.science.power_law import PowerLaw, power_law
from grok.science.quanta import asymptotic_exponents, zipf_frequencies
from grok.science.quanta_laws import taken

APART = 4.0  # times a law's constant, and by it: in view, so that what scatters less is seen to


def number_learned(
    axes: Axes, dataset: xr.Dataset, *, against: Scaling, alpha: float, where: Mapping[str, Any]
) -> None:
    """How many subtasks are learned, of every seed, with the power law through those of the range that is fitted, and
    how many the law has as a whole, with its constant from the runs."""
    seeds = against.points(dataset.sel(where))
    n = [n_learned(each.losses / NATS_PER_BIT, below=LEARNED) for each in seeds]
    style: Any = {"lw": 1.0} if against.key == "step" else {"ls": "none", "marker": "o", "ms": 3.5, "mew": 0}
    for each, own in zip(seeds, n, strict=True):
        axes.plot(each.x, np.where(own > 0, own, np.nan), color=TRAIN, alpha=0.6, **style)
    x, groups = np.concatenate([each.x for each in seeds]), np.repeat(range(len(seeds)), [own.size for own in n])
    fit, ends = _rise(against, x, np.concatenate(n), groups)
    label = f"ours: slope {signed(fit.exponent)}{interval(fit)}"
    axes.plot(ends, fit.coefficient * ends**fit.exponent, color=TRAIN, lw=1.8, label=label)
    grid = np.geomspace(x.min(), x.max(), 500)
    law, at_points = (against.predicted_number(seeds, alpha, of) for of in (grid, x))
    asymptote = 1.0 if against.law == "parameters" else asymptotic_exponents(alpha).learned
    theirs = signed(_rise(against, x, at_points, groups)[0].exponent)
    label = f"law for {seeds[0].losses.shape[1]} subtasks: slope {theirs}; for infinitely many: {signed(asymptote)}"
    axes.plot(grid, np.where(law > 0, law, np.nan), color="black", lw=1.1, ls=FINITE, label=label)
    axes.set(xscale="log", yscale="log", xlabel=against.label, ylabel="subtasks learned\n(below 0.1 nats)")
    axes.set_ylim(0.8, 5 * max(1, axes.dataLim.y1))  # with room for the names
    view(axes, against, seeds)
    axes.legend(loc="upper left", fontsize=7.5, frameon=False, handlelength=2.4)
    plain_ticks(axes.yaxis)


def _rise(against: Scaling, x: np.ndarray, n: np.ndarray, groups: np.ndarray) -> tuple[PowerLaw, np.ndarray]:
    """The power law through the numbers where some are learned, up to the end of the range, and its ends."""
    some = (n > 0) & (x <= against.fit.get("to_x", np.inf))
    fit = power_law(x[some], n[some], groups=groups[some])
    return fit, np.array([x[some].min(), x[some].max()] if some.any() else [np.nan, np.nan])


def taken_by_each(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    against: Scaling,
    alpha: float,
    times: float,
    label: str,
    where: Mapping[str, Any],
) -> None:
    """What each subtask took, by its rank, `times` so many: by the law as much for all as the line has, which is the
    geometric mean of those filled. Hollow is what lies beyond the range that is fitted, or does not count."""
    seeds = against.points(dataset.sel(where))
    frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
    beyond: Any = {"mfc": "none", "mec": TRAIN, "mew": 0.6, "ms": 3.5}
    within: Any = {"mfc": TRAIN, "mec": "none", "ms": 3.5, "alpha": 0.6}
    for each in seeds:
        for to_x, style in ((np.inf, beyond), (against.fit.get("to_x", np.inf), within)):
            seen = each.x <= to_x
            found = taken(against.law, each.x[seen], each.losses[seen] / NATS_PER_BIT, frequencies)
            shown = found.counts | (style is beyond)
            axes.plot(found.rank[shown], times * found.each[shown], "o", **style)
    constant = times * against.constant(seeds, alpha)
    axes.axhline(constant, color="black", lw=1.1, ls=FINITE)
    axes.set(xscale="log", yscale="log", xlabel="rank of the subtask", ylabel=label)
    low, high = axes.get_ylim()
    if np.isfinite(constant):
        axes.set_ylim(min(low, constant / APART), max(high, constant * APART))
    axes.set_title(f"by the law the same for each (dotted: {constant:,.0f})", fontsize=7.5, color=NEUTRAL, loc="left")
    plain_ticks(axes.xaxis)
    plain_ticks(axes.yaxis)
