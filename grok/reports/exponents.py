"""Panels of exponents against α: those of the mean loss (Michaud et al. 2023, Fig. 10), and how the number of subtasks
that are learned rises (Fig. 9); and against the step at which training is stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from grok.reports.losses import FINITE, INFINITE, interval, plain_ticks, signed, view
from grok.reports.scaling import Points, Scaling
from grok.reports.style import LINES, NEUTRAL, TRAIN
from grok.science.emergence import LEARNED, NATS_PER_BIT, n_learned
from grok.science.power_law import PowerLaw, power_law
from grok.science.quanta import asymptotic_exponents
from grok.science.subtask_losses import rise_of_number

ALPHA = "task.alpha"


def of_the_loss(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    against: Sequence[Scaling],
    where: Mapping[str, Any],
    label: str,
    published: Mapping[float, float],
) -> None:
    """The exponent at each α with its interval over seeds, the law for a task of this size dotted and for an infinite
    one dashed; `published` ones as hollow circles."""
    chosen = dataset.sel(where)
    alphas = chosen[ALPHA].values
    for number, (scaling, colour) in enumerate(zip(against, (TRAIN, *LINES[1:]), strict=False)):
        sweeps = [scaling.points(chosen.sel({ALPHA: alpha})) for alpha in alphas]
        fits = [scaling.fitted(seeds)[0] for seeds in sweeps]
        _with_intervals(axes, alphas + 0.006 * number, fits, colour, scaling.name)
        if number == 0:
            finite = [_predicted(scaling, seeds, alpha) for seeds, alpha in zip(sweeps, alphas, strict=True)]
            name = f"law for {sweeps[0][0].losses.shape[1]} subtasks"
            axes.plot(alphas, finite, color="black", lw=1.1, ls=FINITE, marker=".", ms=4, label=name)
    some = np.linspace(0.5 * alphas.min(), alphas.max() + 0.05, 100)
    law = [against[0].asymptotic(alpha) for alpha in some]
    axes.plot(some, law, color=NEUTRAL, lw=1.0, ls=INFINITE, label="law for infinitely many")
    axes.plot(
        [*published], [*published.values()], "o", mfc="white", mec=NEUTRAL, ms=4.5, label="published, 500 subtasks"
    )
    axes.set(xlabel="α", ylabel=label, ylim=(0, None), xlim=(0, None))
    axes.legend(loc="lower right", fontsize=7.5, frameon=False)


def by_stop(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    against: Scaling,
    alpha: float,
    where: Mapping[str, Any],
    label: str,
    most: float | None = None,
) -> None:
    """The exponent of the loss if all training had been stopped at a step, with its interval over seeds; up to `most`.

    Dotted: that of a task of this size with the constant of the last step, and no more subtasks learned than there were
    steps for. Dashed: that of infinitely many subtasks and steps.
    """
    chosen = dataset.sel(where)
    stops = against.stopped(chosen)
    steps = np.array([step for step, _, _ in stops])
    fits = [scaling.fitted(seeds)[0] for _, scaling, seeds in stops]
    found, low, high = (-np.array([getattr(fit, part) for fit in fits]) for part in ("exponent", "high", "low"))
    axes.fill_between(steps, low, high, color=TRAIN, alpha=0.2, lw=0)
    axes.plot(steps, found, color=TRAIN, lw=1.8, label="ours, 95 % over seeds")
    steps_law = against.of_steps()
    longest = chosen if against.key == "step" else chosen.isel({against.key: -1})
    constants = {
        "constant": against.constant(stops[-1][2], alpha),
        "steps_constant": steps_law.constant(steps_law.points(longest), alpha),
    }
    law = [scaling.predicted_by(step, seeds, alpha, **constants) for step, scaling, seeds in stops]
    name = f"law for {stops[-1][2][0].losses.shape[1]} subtasks, no more than in time"
    axes.plot(steps, law, color="black", lw=1.1, ls=FINITE, label=name)
    said = f"law for infinitely many: {signed(against.asymptotic(alpha))}"
    axes.axhline(against.asymptotic(alpha), color=NEUTRAL, lw=1.0, ls=INFINITE, label=said)
    first = against.fit.get("from_x", constants["steps_constant"])
    axes.set(xscale="log", xlabel="step at which training is stopped", ylabel=label)
    begins = first if steps[0] < first < steps[-1] else steps[0]  # before, nothing is learned
    axes.set_xlim(begins, max(steps[-1], 2 * begins))
    shown = np.concatenate([found, law])[np.tile(steps >= begins, 2)]
    axes.set_ylim(0, most or 1.5 * max(against.asymptotic(alpha), np.nanmax(shown, initial=0.0)))  # room for the names
    axes.legend(loc="upper left", fontsize=7.5, framealpha=0.7, edgecolor="none", handlelength=2.4)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def of_the_number(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    against: Scaling,
    where: Mapping[str, Any],
    alphas: Sequence[float],
    published: Mapping[float, float],
) -> None:
    """How many subtasks are learned at some α, every seed's, with power laws through them; dotted, the law for a task
    of this size, in whole subtasks. Exponents are beside the law's, that of infinitely many, and those `published`."""
    chosen = dataset.sel(where)
    for number, (alpha, colour) in enumerate(zip(alphas, LINES, strict=False)):
        seeds = against.points(chosen.sel({ALPHA: alpha}))
        x = np.concatenate([each.x for each in seeds])
        n = np.concatenate([n_learned(each.losses / NATS_PER_BIT, below=LEARNED) for each in seeds])
        groups = np.repeat(range(len(seeds)), [each.x.size for each in seeds])
        some = n > 0
        fit = power_law(x[some], n[some], groups=groups[some])
        ends = np.array([x[some].min(), x[some].max()]) if some.any() else np.array([np.nan] * 2)
        law = against.predicted_number(seeds, alpha, seeds[0].x)
        said = f"{rise_of_number(seeds[0].x, law):.2f}, {asymptotic_exponents(alpha).learned:.2f}"
        said += f"; {published[alpha]:.2f}" if alpha in published else ""
        name = f"α = {alpha:g}: {signed(fit.exponent)}{interval(fit)}; {said}"
        beside = 1 + 0.05 * (number - 1)  # where several have as many
        axes.plot(beside * x[some], n[some], "o", color=colour, ms=3.5, mew=0, alpha=0.6)
        axes.plot(seeds[0].x[law > 0], law[law > 0], color=colour, lw=1.0, ls=FINITE)
        axes.plot(ends, fit.coefficient * ends**fit.exponent, color=colour, lw=1.4, label=name)
    axes.set(xscale="log", xlabel=against.label, ylabel="subtasks learned")
    axes.set(yscale="log", ylim=(0.9, 4 * max(1, axes.dataLim.y1)))  # with room for the names
    view(axes, against, seeds)
    title = f"exponent; of the law for {seeds[0].losses.shape[1]} subtasks, and infinitely many; published"
    axes.legend(loc="upper left", fontsize=7, frameon=False, title=title, title_fontsize=7, alignment="left")
    plain_ticks(axes.yaxis)


def _predicted(scaling: Scaling, seeds: Sequence[Points], alpha: float) -> float:
    return scaling.predicted(seeds, alpha, constant=scaling.constant(seeds, alpha))


def _with_intervals(axes: Axes, x: np.ndarray, fits: Sequence[PowerLaw], colour: str, name: str) -> None:
    """Falling exponents as points with bars; of a fit without an interval the point alone."""
    y, low, high = (-np.array([getattr(fit, part) for fit in fits]) for part in ("exponent", "high", "low"))
    bars = np.nan_to_num([y - low, high - y]).clip(0)
    axes.errorbar(x, y, yerr=bars, fmt="o", color=colour, ms=4.5, mew=0, elinewidth=1.2, label=name)
