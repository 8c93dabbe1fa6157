"""Panels of exponents against α: those of the mean loss (Michaud et al. 2023, Fig. 10), and how the number of subtasks
that are learned rises (Fig. 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from grok.reports.losses import FINITE, INFINITE, interval, plain_ticks, signed, view
from grok.reports.scaling import Scaling
from grok.reports.style import LINES, NEUTRAL, TRAIN
from grok.science.emergence import LEARNED, NATS_PER_BIT, n_learned
from grok.science.power_law import PowerLaw, power_law
from grok.science.quanta import asymptotic_exponents

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
            finite = [scaling.predicted(seeds, alpha) for seeds, alpha in zip(sweeps, alphas, strict=True)]
            name = f"law for {sweeps[0][0].losses.shape[1]} subtasks"
            axes.plot(alphas, finite, color="black", lw=1.1, ls=FINITE, marker=".", ms=4, label=name)
    some = np.linspace(0.5 * alphas.min(), alphas.max() + 0.05, 100)
    law = [against[0].asymptotic(alpha) for alpha in some]
    axes.plot(some, law, color=NEUTRAL, lw=1.0, ls=INFINITE, label="law for infinitely many")
    axes.plot([*published], [*published.values()], "o", mfc="white", mec=NEUTRAL, ms=4.5, label="published")
    axes.set(xlabel="α", ylabel=label, ylim=(0, None), xlim=(0, None))
    axes.legend(loc="lower right", fontsize=7.5, frameon=False)


def of_the_number(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    against: Scaling,
    where: Mapping[str, Any],
    alphas: Sequence[float],
    published: Mapping[float, float],
) -> None:
    """How many subtasks are learned at some α, every seed's, with power laws through them and their exponents beside
    those of theory and those `published`."""
    chosen = dataset.sel(where)
    for alpha, colour in zip(alphas, LINES, strict=False):
        seeds = against.points(chosen.sel({ALPHA: alpha}))
        x = np.concatenate([each.x for each in seeds])
        n = np.concatenate([n_learned(each.losses / NATS_PER_BIT, below=LEARNED) for each in seeds])
        groups = np.repeat(range(len(seeds)), [each.x.size for each in seeds])
        some = n > 0
        fit = power_law(x[some], n[some], groups=groups[some])
        ends = np.array([x[some].min(), x[some].max()]) if some.any() else np.array([np.nan] * 2)
        said = f"{asymptotic_exponents(alpha).learned:.2f}"
        said += f", published {published[alpha]:.2f}" if alpha in published else ""
        name = f"α = {alpha:g}: {signed(fit.exponent)}{interval(fit)}; law {said}"
        axes.plot(x[some], n[some], "o", color=colour, ms=3.5, mew=0, alpha=0.6)
        axes.plot(ends, fit.coefficient * ends**fit.exponent, color=colour, lw=1.4, label=name)
    axes.set(xscale="log", xlabel=against.label, ylabel="subtasks learned")
    axes.set(yscale="log", ylim=(0.9, 4 * max(1, axes.dataLim.y1)))  # with room for the names
    view(axes, against, seeds)
    axes.legend(loc="upper left", fontsize=7, frameon=False, title="exponent", title_fontsize=7, alignment="left")
    plain_ticks(axes)


def _with_intervals(axes: Axes, x: np.ndarray, fits: Sequence[PowerLaw], colour: str, name: str) -> None:
    """Falling exponents as points with bars; of a fit without an interval the point alone."""
    y, low, high = (-np.array([getattr(fit, part) for fit in fits]) for part in ("exponent", "high", "low"))
    bars = np.nan_to_num([y - low, high - y]).clip(0)
    axes.errorbar(x, y, yerr=bars, fmt="o", color=colour, ms=4.5, mew=0, elinewidth=1.2, label=name)
