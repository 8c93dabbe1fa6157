"""Panels of the number of learned subtasks, and of each subtask's learning cost, which is constant by the law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from grok.reports.quanta.axis_view import set_x_limits
from grok.reports.quanta.scaling import ScalingFit
from grok.reports.style import FINITE_STYLE, GRAY, TRAIN, format_interval, format_signed, set_plain_ticks
from grok.science.quanta.emergence import LEARNED_BITS, NATS_PER_BIT, n_learned
from grok.science.quanta.laws import learning_cost
from grok.science.quanta.quantization_model import asymptotic_exponents, zipf_frequencies
from grok.science.statistics.power_law import PowerLaw, power_law

MIN_RANGE = 4.0  # the axis of costs spans at least this factor below and above the law's constant


def learned_count_with_law(
    axes: Axes, dataset: xr.Dataset, *, scaling: ScalingFit, alpha: float, where: Mapping[str, Any]
) -> None:
    """The number of learned subtasks in every seed, the power law through it, and the number by the law.

    The fit is over the range of `scaling`. The law has its constant from the runs and counts whole subtasks.
    """
    seeds = scaling.points(dataset.sel(where))
    n = [n_learned(each.losses / NATS_PER_BIT, below=LEARNED_BITS) for each in seeds]
    style: Any = {"lw": 1.0} if scaling.key == "step" else {"ls": "none", "marker": "o", "ms": 3.5, "mew": 0}
    for each, count in zip(seeds, n, strict=True):
        axes.plot(each.x, np.where(count > 0, count, np.nan), color=TRAIN, alpha=0.6, **style)
    x, groups = np.concatenate([each.x for each in seeds]), np.repeat(range(len(seeds)), [count.size for count in n])
    fit, ends = _fit_points(scaling, x, np.concatenate(n), groups)
    label = f"ours: slope {format_signed(fit.exponent)}{format_interval(fit)}"
    axes.plot(ends, fit.coefficient * ends**fit.exponent, color=TRAIN, lw=1.8, label=label)
    grid = np.geomspace(x.min(), x.max(), 500)
    law, at_points = (scaling.predicted_count(seeds, alpha, points) for points in (grid, x))
    asymptotic = 1.0 if scaling.law == "parameters" else asymptotic_exponents(alpha).learned
    finite = format_signed(_fit_points(scaling, x, at_points, groups)[0].exponent)
    n_subtasks = seeds[0].losses.shape[1]
    label = f"law for {n_subtasks} subtasks: slope {finite}; for ∞: {format_signed(asymptotic)}"
    axes.plot(grid, np.where(law > 0, law, np.nan), color="black", lw=1.1, ls=FINITE_STYLE, label=label)
    axes.set(xscale="log", yscale="log", xlabel=scaling.label, ylabel="learned subtasks\n(loss below 0.1 nats)")
    axes.set_ylim(0.8, 5 * max(1, axes.dataLim.y1))  # room for the legend
    set_x_limits(axes, scaling, seeds)
    axes.legend(loc="upper left", fontsize=7.5, frameon=False, handlelength=2.4)
    set_plain_ticks(axes.yaxis)


def _fit_points(scaling: ScalingFit, x: np.ndarray, n: np.ndarray, groups: np.ndarray) -> tuple[PowerLaw, np.ndarray]:
    """The power law through the numbers above 0, up to the end of the range, and the ends of its points."""
    some = (n > 0) & (x <= scaling.fit.get("to_x", np.inf))
    fit = power_law(x[some], n[some], groups=groups[some])
    return fit, np.array([x[some].min(), x[some].max()] if some.any() else [np.nan, np.nan])


def learning_cost_by_rank(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    scaling: ScalingFit,
    alpha: float,
    factor: float,
    label: str,
    where: Mapping[str, Any],
) -> None:
    """The learning cost of each subtask by rank, multiplied by `factor`; by the law it is the same for all.

    The line is the law's constant: the geometric mean of the filled points. Hollow points lie beyond the fitted range,
    or do not count toward the constant.
    """
    seeds = scaling.points(dataset.sel(where))
    frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
    hollow: Any = {"mfc": "none", "mec": TRAIN, "mew": 0.6, "ms": 3.5}
    filled: Any = {"mfc": TRAIN, "mec": "none", "ms": 3.5, "alpha": 0.6}
    for each in seeds:
        for to_x, style in ((np.inf, hollow), (scaling.fit.get("to_x", np.inf), filled)):
            early = each.x <= to_x
            cost = learning_cost(scaling.law, each.x[early], each.losses[early] / NATS_PER_BIT, frequencies)
            shown = cost.is_fitted | (style is hollow)
            axes.plot(cost.rank[shown], factor * cost.cost[shown], "o", **style)
    constant = factor * scaling.constant(seeds, alpha)
    axes.axhline(constant, color="black", lw=1.1, ls=FINITE_STYLE)
    axes.set(xscale="log", yscale="log", xlabel="rank of the subtask", ylabel=label)
    low, high = axes.get_ylim()
    if np.isfinite(constant):
        axes.set_ylim(min(low, constant / MIN_RANGE), max(high, constant * MIN_RANGE))
    caption = f"dotted: the law's constant, {constant:,.0f} for every subtask"
    axes.set_title(caption, fontsize=7.5, color=GRAY, loc="left")
    set_plain_ticks(axes.xaxis)
    set_plain_ticks(axes.yaxis)
