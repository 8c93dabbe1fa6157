"""Panels of exponents of the mean loss (Michaud et al. 2023, Fig. 10) and of the learned subtasks (Fig. 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from grok.reports.quanta.axis_view import set_x_limits
from grok.reports.quanta.scaling import ScalingFit, SeedLosses
from grok.reports.style import (
    FINITE_STYLE,
    GRAY,
    INFINITE_STYLE,
    PALETTE,
    TRAIN,
    format_interval,
    format_signed,
    set_plain_ticks,
)
from grok.science.quanta.emergence import LEARNED_BITS, NATS_PER_BIT, n_learned
from grok.science.quanta.quantization_model import asymptotic_exponents
from grok.science.quanta.subtask_losses import count_exponent
from grok.science.statistics.power_law import PowerLaw, power_law

ALPHA = "task.alpha"


def loss_exponents(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    scalings: Sequence[ScalingFit],
    where: Mapping[str, Any],
    label: str,
    published: Mapping[float, float],
) -> None:
    """The loss exponent at each α with its interval over seeds, the predictions of the law, and `published` values.

    The law is dotted for the task's number of subtasks, and dashed for infinitely many. Published values, by α, are
    hollow circles.
    """
    chosen = dataset.sel(where)
    alphas = chosen[ALPHA].values
    for index, (scaling, color) in enumerate(zip(scalings, (TRAIN, *PALETTE[1:]), strict=False)):
        sweeps = [scaling.points(chosen.sel({ALPHA: alpha})) for alpha in alphas]
        fits = [scaling.fit_power_law(seeds)[0] for seeds in sweeps]
        _with_intervals(axes, alphas + 0.006 * index, fits, color, scaling.name)
        if index == 0:
            finite = [_predicted(scaling, seeds, alpha) for seeds, alpha in zip(sweeps, alphas, strict=True)]
            name = f"law for {sweeps[0][0].losses.shape[1]} subtasks"
            axes.plot(alphas, finite, color="black", lw=1.1, ls=FINITE_STYLE, marker=".", ms=4, label=name)
    grid = np.linspace(0.5 * alphas.min(), alphas.max() + 0.05, 100)
    asymptotic = [scalings[0].asymptotic_exponent(alpha) for alpha in grid]
    axes.plot(grid, asymptotic, color=GRAY, lw=1.0, ls=INFINITE_STYLE, label="law for ∞ subtasks")
    hollow: Any = {"mfc": "white", "mec": GRAY, "ms": 4.5, "label": "published, 500 subtasks"}
    axes.plot([*published], [*published.values()], "o", **hollow)
    axes.set(xlabel="α", ylabel=label, ylim=(0, None), xlim=(0, None))
    axes.legend(loc="lower right", fontsize=7.5, frameon=False)


def exponent_by_stopping_step(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    scaling: ScalingFit,
    alpha: float,
    where: Mapping[str, Any],
    label: str,
    y_max: float | None = None,
) -> None:
    """The loss exponent if all training had stopped at a step, with its interval over seeds, and the law's predictions.

    Dotted: the law for the task's number of subtasks, with its constant at the last step; the number of steps limits
    the learned subtasks. Dashed: the law for infinitely many subtasks and steps. `y_max` is the axis' upper limit.
    """
    chosen = dataset.sel(where)
    stops = scaling.at_stopping_steps(chosen)
    steps = np.array([step for step, _, _ in stops])
    fits = [fit.fit_power_law(seeds)[0] for _, fit, seeds in stops]
    exponents, low, high = (-np.array([getattr(fit, part) for fit in fits]) for part in ("exponent", "high", "low"))
    law, steps_constant = _predicted_by_step(scaling, chosen, stops, alpha)
    asymptotic = scaling.asymptotic_exponent(alpha)
    axes.fill_between(steps, low, high, color=TRAIN, alpha=0.2, lw=0)
    interval = ", 95 % over seeds" if chosen.sizes["seed"] > 1 else ""
    axes.plot(steps, exponents, color=TRAIN, lw=1.8, label=f"ours{interval}")
    name = f"law for {stops[-1][2][0].losses.shape[1]} subtasks, limited by steps"
    axes.plot(steps, law, color="black", lw=1.1, ls=FINITE_STYLE, label=name)
    name = f"law for ∞ subtasks: {format_signed(asymptotic)}"
    axes.axhline(asymptotic, color=GRAY, lw=1.0, ls=INFINITE_STYLE, label=name)
    axes.set(xscale="log", xlabel="step at which training stops", ylabel=label)
    first = scaling.fit.get("from_x", steps_constant)
    from_step = first if steps[0] < first < steps[-1] else steps[0]  # nothing is learned before
    axes.set_xlim(from_step, max(steps[-1], 2 * from_step))
    shown = np.concatenate([exponents, law])[np.tile(steps >= from_step, 2)]
    axes.set_ylim(0, y_max or 1.5 * max(asymptotic, np.nanmax(shown, initial=0.0)))  # room for the legend
    axes.legend(loc="upper left", fontsize=7.5, framealpha=0.7, edgecolor="none", handlelength=2.4)
    _set_step_ticks(axes)


def _predicted_by_step(
    scaling: ScalingFit, chosen: xr.Dataset, stops: Sequence[tuple[int, ScalingFit, list[SeedLosses]]], alpha: float
) -> tuple[list[float], float]:
    """The law's exponent at each stopping step, and the constant of the law of steps, at the last value of the key."""
    steps_law = scaling.versus_steps()
    largest = chosen if scaling.key == "step" else chosen.isel({scaling.key: -1})
    constants = {
        "constant": scaling.constant(stops[-1][2], alpha),
        "steps_constant": steps_law.constant(steps_law.points(largest), alpha),
    }
    law = [fit.predicted_exponent_when_stopped(step, seeds, alpha, **constants) for step, fit, seeds in stops]
    return law, constants["steps_constant"]


def _set_step_ticks(axes: Axes) -> None:
    """Short numbers at 1 and 3 on a log axis of steps."""
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


class _CountFit(NamedTuple):
    """The number of learned subtasks of all seeds at points where it is not 0, and the power law through it."""

    x: np.ndarray
    n: np.ndarray
    law: PowerLaw
    ends: np.ndarray


def learned_count_by_alpha(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    scaling: ScalingFit,
    where: Mapping[str, Any],
    published: Mapping[float, float],
) -> None:
    """The number of learned subtasks at each α in every seed, with power laws through them.

    Dotted: the law for the task's number of subtasks, as a staircase. The legend has the exponents: ours, those of the
    law for this number and for infinitely many subtasks, and the `published` ones.
    """
    chosen = dataset.sel(where)
    for index, (alpha, color) in enumerate(zip(chosen[ALPHA].values.tolist(), cycle(PALETTE), strict=False)):
        seeds = scaling.points(chosen.sel({ALPHA: alpha}))
        fit = _fit_count(seeds)
        law = scaling.predicted_count(seeds, alpha, seeds[0].x)
        others = f"{count_exponent(seeds[0].x, law):.2f}, {asymptotic_exponents(alpha).learned:.2f}"
        others += f"; {published[alpha]:.2f}" if alpha in published else ""
        name = f"α = {alpha:g}: {format_signed(fit.law.exponent)}{format_interval(fit.law)}; {others}"
        offset = 1 + 0.05 * (index - 1)  # separates equal numbers of several α
        axes.plot(offset * fit.x, fit.n, "o", color=color, ms=3.5, mew=0, alpha=0.6)
        axes.plot(seeds[0].x[law > 0], law[law > 0], color=color, lw=1.0, ls=FINITE_STYLE)
        axes.plot(fit.ends, fit.law.coefficient * fit.ends**fit.law.exponent, color=color, lw=1.4, label=name)
    axes.set(xscale="log", xlabel=scaling.label, ylabel="learned subtasks")
    axes.set(yscale="log", ylim=(0.9, 4 * max(1, axes.dataLim.y1)))  # room for the legend
    set_x_limits(axes, scaling, seeds)
    title = f"exponent: ours; law for {seeds[0].losses.shape[1]} and for ∞ subtasks; published"
    axes.legend(loc="upper left", fontsize=7, frameon=False, title=title, title_fontsize=7, alignment="left")
    set_plain_ticks(axes.yaxis)


def _fit_count(seeds: Sequence[SeedLosses]) -> _CountFit:
    """The power law through the number of learned subtasks of all seeds."""
    x = np.concatenate([each.x for each in seeds])
    n = np.concatenate([n_learned(each.losses / NATS_PER_BIT, below=LEARNED_BITS) for each in seeds])
    groups = np.repeat(range(len(seeds)), [each.x.size for each in seeds])
    some = n > 0
    ends = np.array([x[some].min(), x[some].max()]) if some.any() else np.array([np.nan] * 2)
    return _CountFit(x[some], n[some], power_law(x[some], n[some], groups=groups[some]), ends)


def _predicted(scaling: ScalingFit, seeds: Sequence[SeedLosses], alpha: float) -> float:
    """The law's exponent, with its constant from the runs."""
    return scaling.predicted_exponent(seeds, alpha, constant=scaling.constant(seeds, alpha))


def _with_intervals(axes: Axes, x: np.ndarray, fits: Sequence[PowerLaw], color: str, name: str) -> None:
    """Draw falling exponents with error bars; a fit without an interval has no bar."""
    y, low, high = (-np.array([getattr(fit, part) for fit in fits]) for part in ("exponent", "high", "low"))
    bars = np.nan_to_num([y - low, high - y]).clip(0)
    axes.errorbar(x, y, yerr=bars, fmt="o", color=color, ms=4.5, mew=0, elinewidth=1.2, label=name)
