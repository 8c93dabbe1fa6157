"""Panels that compare optimizers: the loss versus steps, its exponent, and that of the convergence step.

Two laws are drawn. By the law of examples, a subtask of frequency p is learned at a step ∝ 1/p. By the law of ranks,
subtasks take equal numbers of steps one after the other (Liu et al. 2025, the domino effect).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from grok.reports.quanta.scaling import ScalingFit, SeedLosses
from grok.reports.style import FINITE_STYLE, GRAY, PALETTE, format_signed, set_plain_ticks
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.laws import predicted_loss
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.quanta.subtask_losses import convergence_exponent

KEY = "optimizer"
LAWS = {"steps": ("S ∝ 1/p", FINITE_STYLE), "ranks": ("S ∝ rank", "-.")}
LOWER_FACTOR = 0.6  # the lines of the asymptotes are drawn at this factor below the loss


def loss_by_arm(
    axes: Axes, dataset: xr.Dataset, *, scaling: ScalingFit, alpha: float, arms: Mapping[str, str], with_laws: str
) -> None:
    """The mean loss of every seed by optimizer, both laws for the arm `with_laws`, and both laws' asymptotes.

    `arms` maps each value of the swept key to its name.
    """
    points = _points(dataset, scaling, arms)
    for (arm, seeds), color in zip(points.items(), PALETTE, strict=False):
        for number, each in enumerate(seeds):
            label = arms[arm] if number == 0 else None
            axes.plot(each.x, each.mean / NATS_PER_BIT, color=color, lw=1.0, alpha=0.8, label=label)
    chosen = points[with_laws]
    x, frequencies = chosen[0].x, zipf_frequencies(chosen[0].losses.shape[1], alpha=alpha)
    fit, ends = scaling.fit_power_law(chosen)
    for law, (name, style) in LAWS.items():
        own = replace(scaling, law=law)
        loss = predicted_loss(law, x, frequencies, constant=own.constant(chosen, alpha))
        label = f"law {name}, {frequencies.size} subtasks"
        axes.plot(x, np.where(loss > 0, loss, np.nan), color="black", lw=1.1, ls=style, label=label)
        exponent, first = own.asymptotic_exponent(alpha), LOWER_FACTOR * fit.coefficient * ends[0] ** fit.exponent
        label = f"law {name}, ∞ subtasks: {format_signed(-exponent)}"
        axes.plot(ends, first * (ends / ends[0]) ** -exponent, color=GRAY, lw=1.0, ls=style, label=label)
    lowest = min(each.mean.min() for seeds in points.values() for each in seeds) / NATS_PER_BIT
    axes.set(xscale="log", yscale="log", xlabel=scaling.label, ylabel="mean loss (bits)", ylim=(0.12 * lowest, 1.4))
    axes.set_xlim(max(x[0], x[-1] / 1000), x[-1])
    axes.legend(loc="lower left", fontsize=7, frameon=False, handlelength=2.4)
    set_plain_ticks(axes.yaxis)


def exponents_by_arm(
    axes: Axes, dataset: xr.Dataset, *, scaling: ScalingFit, alpha: float, arms: Mapping[str, str]
) -> None:
    """The exponent of the loss of every seed by optimizer, with those of both laws at the same points.

    Lines are the laws for infinitely many subtasks.
    """
    points = _points(dataset, scaling, arms)
    for position, (seeds, color) in enumerate(zip(points.values(), PALETTE, strict=False)):
        own = [-scaling.fit_power_law([each])[0].exponent for each in seeds]
        axes.plot(np.full(len(own), position), own, "o", color=color, ms=4.5, mew=0, alpha=0.7)
        for law, marker in zip(LAWS, ("v", "^"), strict=True):
            by_law = replace(scaling, law=law)
            predicted = by_law.predicted_exponent(seeds, alpha, constant=by_law.constant(seeds, alpha))
            label = f"law {LAWS[law][0]}, {seeds[0].losses.shape[1]} subtasks" if position == 0 else None
            axes.plot(position + 0.25, predicted, marker, color="black", ms=4, label=label)
    for law, (name, style) in LAWS.items():
        level = replace(scaling, law=law).asymptotic_exponent(alpha)
        label = f"law {name}, ∞ subtasks: {format_signed(level)}"
        axes.axhline(level, color=GRAY, lw=1.0, ls=style, label=label)
    axes.set(ylabel=r"$\alpha_S$")
    _name_arms(axes, arms)


def convergence_exponents_by_arm(axes: Axes, dataset: xr.Dataset, *, alpha: float, arms: Mapping[str, str]) -> None:
    """k in S ∝ p^k, for the convergence steps S of the subtasks that each seed learned, by optimizer."""
    for position, (arm, color) in enumerate(zip(arms, PALETTE, strict=False)):
        chosen = dataset.sel({KEY: arm})
        exponents = []
        for seed in chosen["seed"].values:
            losses = chosen["subtask_loss"].sel(seed=seed).transpose("step", "subtask").dropna("step")
            ticks = losses["step"].values, losses["subtask"].values
            exponents.append(convergence_exponent(*ticks, losses.values, alpha=alpha))
        axes.plot(np.full(len(exponents), position), exponents, "o", color=color, ms=4.5, mew=0, alpha=0.7)
    for level, (name, style) in zip((-1.0, -1 / (1 + alpha)), LAWS.values(), strict=True):
        axes.axhline(level, color=GRAY, lw=1.0, ls=style, label=f"law {name}: {format_signed(level)}")
    axes.set(ylabel="k in S ∝ p^k (learned subtasks)")
    _name_arms(axes, arms)


def _points(dataset: xr.Dataset, scaling: ScalingFit, arms: Mapping[str, str]) -> dict[str, list[SeedLosses]]:
    """The points of every seed by arm."""
    return {arm: scaling.points(dataset.sel({KEY: arm})) for arm in arms}


def _name_arms(axes: Axes, arms: Mapping[str, str]) -> None:
    """Name the arms on the x axis, and leave room for the legend above them."""
    axes.set_xticks(range(len(arms)), [*arms.values()], rotation=30, ha="right", fontsize=7.5)
    axes.set_xlim(-0.5, len(arms) - 0.5)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.45 * (high - low))
    axes.legend(loc="upper left", fontsize=7, frameon=False, handlelength=2.4)
