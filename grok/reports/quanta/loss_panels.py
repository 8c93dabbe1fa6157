"""Panels of the mean loss and subtask losses versus steps, parameters or examples (Michaud et al. 2023, Fig. 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from grok.reports.quanta.axis_view import set_x_limits
from grok.reports.quanta.rank_colors import rank_color_bar, subtask_lines
from grok.reports.quanta.scaling import ScalingFit, SeedLosses
from grok.reports.style import (
    FINITE_STYLE,
    GRAY,
    PALETTE,
    TEST,
    TRAIN,
    format_interval,
    format_signed,
    set_plain_ticks,
)
from grok.science.quanta.emergence import CONVERGED_BITS, NATS_PER_BIT, is_polygenic, monogenic_from
from grok.science.quanta.laws import loss_from_transitions, predicted_loss
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.quanta.subtask_losses import learning_order, loss_exponent, median_transition_width
from grok.science.statistics.linear_fit import linear_fit


@dataclass(frozen=True, kw_only=True)
class Published:
    """Published points [x, loss in bits], with the name of their network."""

    name: str
    points: Sequence[tuple[float, float]]


def mean_loss(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    scalings: Sequence[ScalingFit],
    alpha: float,
    where: Mapping[str, Any],
    transitions: bool = False,
    published: Published | None = None,
) -> None:
    """The mean loss of every seed, the power law through it, and the law for the task's number of subtasks.

    The law has its constant from the runs. `transitions` adds the first seed's mean loss with instant transitions of
    its subtasks: it shows how the mean arises and tests no cause.
    """
    chosen = dataset.sel(where)
    curves = [scaling.points(chosen) for scaling in scalings]
    for scaling, seeds, color in zip(scalings, curves, (TRAIN, *PALETTE[1:]), strict=False):
        for each in seeds:
            style: Any = {"lw": 1.0} if scaling.key == "step" else {"ls": "none", "marker": "o", "ms": 3.5, "mew": 0}
            axes.plot(each.x, each.mean / NATS_PER_BIT, color=color, alpha=0.6, **style)
        fit, ends = scaling.fit_power_law(seeds)
        label = f"{scaling.name}: slope {format_signed(fit.exponent)}{format_interval(fit)}"
        axes.plot(ends, fit.coefficient * ends**fit.exponent, color=color, lw=1.8, label=label)
        if scaling is scalings[0]:
            _law(axes, scaling, seeds, alpha)
            if transitions:
                _instant_transitions(axes, scaling, seeds[0], alpha)
    if published:
        hollow: Any = {"mfc": "none", "mec": GRAY, "ms": 4.5, "label": published.name}
        axes.plot(*zip(*published.points, strict=True), "o", **hollow)
    axes.set(xscale="log", yscale="log", xlabel=scalings[0].label, ylabel="mean loss (bits)")
    axes.legend(loc="lower left", fontsize=7.5, frameon=False, handlelength=2.4)
    lowest = min(each.mean.min() for seeds in curves for each in seeds) / NATS_PER_BIT
    axes.set_ylim(0.35 * lowest, 1.4)  # room for the legend
    set_x_limits(axes, scalings[0], curves[0])
    set_plain_ticks(axes.yaxis)


def subtask_losses(axes: Axes, dataset: xr.Dataset, *, scaling: ScalingFit, where: Mapping[str, Any]) -> None:
    """The loss of each subtask in the first finished seed, colored by rank; the caption says how sharply it falls."""
    chosen = dataset.sel(where)
    finished = chosen["finished"].all([dim for dim in chosen["finished"].dims if dim != "seed"])
    (points,) = scaling.points(chosen.isel(seed=[finished.values.argmax()]))
    bits = points.losses / NATS_PER_BIT
    subtask_lines(axes, points.x, bits, width=0.9)
    caption = _transition_caption(points) if scaling.key == "step" else _monogenic_caption(points)
    axes.set_title(caption, fontsize=7.5, color=GRAY, loc="left")
    if scaling.key != "step":  # mark where there are networks
        axes.plot(points.x, np.zeros(points.x.size), "|", color=GRAY, ms=5, clip_on=False)
    axes.set(xscale="log", xlabel=scaling.label, ylabel="loss of each\nsubtask (bits)")
    axes.set_ylim(0, max(1.25, 1.05 * bits.max()))
    set_x_limits(axes, scaling, [points])
    rank_color_bar(axes, bits.shape[1])


def _transition_caption(points: SeedLosses) -> str:
    """The order and the median width of one seed's transitions."""
    ranks = np.arange(1, points.losses.shape[1] + 1)
    order, width = (measure(points.x, ranks, points.losses) for measure in (learning_order, median_transition_width))
    return f"order of learning: Spearman {format_signed(order)}; median transition: {format_signed(width)} decades"


def _monogenic_caption(points: SeedLosses) -> str:
    """How many of one seed's learned subtasks are monogenic, and whether the mean loss is polygenic.

    The rules are those of the reference for tokens over models.
    """
    bits, mean = points.losses / NATS_PER_BIT, points.mean / NATS_PER_BIT
    monogenic, learned = monogenic_from(bits.T, unit="shares") >= 0, bits[-1] < CONVERGED_BITS
    word = "polygenic" if is_polygenic(mean, points.x, unit="shares") else "not polygenic"
    r_squared = float(linear_fit(np.log(points.x), mean).r_squared)
    n_monogenic, n_learned = (monogenic & learned).sum(), learned.sum()
    return f"monogenic: {n_monogenic} of {n_learned} learned subtasks; mean: {word} (R² {r_squared:.3f})"


def _law(axes: Axes, scaling: ScalingFit, seeds: Sequence[SeedLosses], alpha: float) -> None:
    """Draw the law for the task's number of subtasks; the legend has its slope and that for infinitely many."""
    frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
    constant = scaling.constant(seeds, alpha)
    asymptotic = format_signed(-scaling.asymptotic_exponent(alpha))
    x = np.geomspace(seeds[0].x.min(), seeds[0].x.max(), 500)
    loss = predicted_loss(scaling.law, x, frequencies, constant=constant)
    slope = -scaling.predicted_exponent(seeds, alpha, constant=constant)
    label = f"law for {frequencies.size} subtasks: slope {format_signed(slope)}; for ∞: {asymptotic}"
    axes.plot(x, np.where(loss > 0, loss, np.nan), color="black", lw=1.1, ls=FINITE_STYLE, label=label)


def _instant_transitions(axes: Axes, scaling: ScalingFit, points: SeedLosses, alpha: float) -> None:
    """Draw the mean loss if each subtask fell from 1 bit to 0 where it was half learned."""
    frequencies = zipf_frequencies(points.losses.shape[1], alpha=alpha)
    mean = loss_from_transitions(points.x, points.losses / NATS_PER_BIT, frequencies)
    slope = -loss_exponent(points.x, mean, **scaling.fit)
    label = f"one seed, instant transitions: slope {format_signed(slope)}"
    shown = np.where(mean > 0, mean, np.nan)
    axes.plot(points.x, shown, color=TEST, lw=1.1, drawstyle="steps-post", label=label)
