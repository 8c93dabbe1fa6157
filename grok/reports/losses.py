"""Panels of the mean loss against steps, parameters or examples, and of the subtasks' losses that it is the mean of
(Michaud et al. 2023, Fig. 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from grok.reports.by_rank import colour_bar, curves
from grok.reports.scaling import Points, Scaling
from grok.reports.style import LINES, NEUTRAL, TEST, TRAIN
from grok.science.emergence import CONVERGED, NATS_PER_BIT, is_polygenic, monogenic_from
from grok.science.power_law import PowerLaw
from grok.science.quanta import zipf_frequencies
from grok.science.quanta_laws import by_own_transitions, predicted_loss
from grok.science.straight_line import straight_line
from grok.science.subtask_losses import fall, median_transition, order

FINITE, INFINITE = (0, (1, 1.2)), (0, (5, 3))  # of laws: of as many subtasks as there are, and of infinitely many
LOWER = 0.75  # times the fit: where the law of infinitely many subtasks is drawn, of which theory knows the slope


def mean_loss(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    against: Sequence[Scaling],
    alpha: float,
    where: Mapping[str, Any],
    transitions: bool = False,
    published: Mapping[str, Any] | None = None,
) -> None:
    """The mean loss of every seed with the power law through it, and the laws of theory: that of a task of this size,
    with its constant from the runs, and the slope of an infinite one.

    `transitions`: and the mean of the first seed if each subtask fell at once, which takes apart how the mean is made
    and tests no cause of it. `published` has `points` and a `name`.
    """
    chosen = dataset.sel(where)
    every = [scaling.points(chosen) for scaling in against]
    for scaling, seeds, colour in zip(against, every, (TRAIN, *LINES[1:]), strict=False):
        for each in seeds:
            style: Any = {"lw": 1.0} if scaling.key == "step" else {"ls": "none", "marker": "o", "ms": 3.5, "mew": 0}
            axes.plot(each.x, each.mean / NATS_PER_BIT, color=colour, alpha=0.6, **style)
        fit, ends = scaling.fitted(seeds)
        label = f"{scaling.name}: slope {signed(fit.exponent)}{interval(fit)}"
        axes.plot(ends, fit.coefficient * ends**fit.exponent, color=colour, lw=1.8, label=label)
        if scaling is against[0]:
            _laws(axes, scaling, seeds, fit, ends, alpha)
            if transitions:
                _transitions(axes, scaling, seeds[0], alpha)
    if published:
        hollow: Any = {"mfc": "none", "mec": NEUTRAL, "ms": 4.5, "label": published["name"]}
        axes.plot(*zip(*published["points"], strict=True), "o", **hollow)
    axes.set(xscale="log", yscale="log", xlabel=against[0].label, ylabel="mean loss (bits)")
    axes.legend(loc="lower left", fontsize=7.5, frameon=False, handlelength=2.4)
    least = min(each.mean.min() for seeds in every for each in seeds) / NATS_PER_BIT
    axes.set_ylim(0.35 * least, 1.4)  # with room for the names
    view(axes, against[0], every[0])
    plain_ticks(axes.yaxis)


def subtask_losses(axes: Axes, dataset: xr.Dataset, *, against: Scaling, where: Mapping[str, Any]) -> None:
    """The loss of each subtask for the first seed that is finished, coloured by rank; against steps, how sharp and in
    what order they fall."""
    chosen = dataset.sel(where)
    finished = chosen["finished"].all([dim for dim in chosen["finished"].dims if dim != "seed"])
    (own,) = against.points(chosen.isel(seed=[finished.values.argmax()]))
    bits = own.losses / NATS_PER_BIT
    curves(axes, own.x, bits, width=0.9)
    told = _of_transitions(own) if against.key == "step" else _of_genes(own)
    axes.set_title(told, fontsize=7.5, color=NEUTRAL, loc="left")
    if against.key != "step":
        axes.plot(own.x, np.zeros(own.x.size), "|", color=NEUTRAL, ms=5, clip_on=False)  # where there are networks
    axes.set(xscale="log", xlabel=against.label, ylabel="loss of each\nsubtask (bits)")
    axes.set_ylim(0, max(1.25, 1.05 * bits.max()))
    view(axes, against, [own])
    colour_bar(axes, bits.shape[1])


def _of_transitions(own: Points) -> str:
    """The order and the width of the transitions of one seed."""
    ranks = np.arange(1, own.losses.shape[1] + 1)
    found = order(own.x, ranks, own.losses), median_transition(own.x, ranks, own.losses)
    return f"learned in order: Spearman {signed(found[0])}; the median one falls within {signed(found[1])} decades"


def _of_genes(own: Points) -> str:
    """How many subtasks of one seed are monogenic, of those that are learned at last, and whether their mean is
    polygenic, by the reference's rules for tokens over models."""
    bits = own.losses / NATS_PER_BIT
    sharp, learned = monogenic_from(bits.T) >= 0, bits[-1] < CONVERGED
    mean = own.mean / NATS_PER_BIT
    word = "polygenic" if is_polygenic(mean, own.x) else "not polygenic"
    straight = float(straight_line(np.log(own.x), mean).r_squared)
    return (
        f"monogenic: {(sharp & learned).sum()} of the {learned.sum()} learned; their mean is {word} (R² {straight:.3f})"
    )


def view(axes: Axes, scaling: Scaling, seeds: Sequence[Points]) -> None:
    """All points; of the steps before the fit, on which nothing is learned, a decade."""
    x = np.concatenate([each.x for each in seeds])
    begins = scaling.fit.get("from_x", 0.0) / 10 if scaling.key == "step" else 0.0
    axes.set_xlim(max(begins, x.min() / 1.1), 1.1 * x.max())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _laws(axes: Axes, scaling: Scaling, seeds: Sequence[Points], fit: PowerLaw, ends: np.ndarray, alpha: float) -> None:
    """The law for a task of this size over all x, and the slope of an infinite one under the fit."""
    frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
    own = scaling.constant(seeds, alpha)
    if np.isfinite(own):
        x = np.geomspace(seeds[0].x.min(), seeds[0].x.max(), 500)
        loss = predicted_loss(scaling.law, x, frequencies, constant=own)
        slope = -scaling.predicted(seeds, alpha, constant=own)
        label = f"law for {frequencies.size} subtasks: slope {signed(slope)}"
        axes.plot(x, np.where(loss > 0, loss, np.nan), color="black", lw=1.1, ls=FINITE, label=label)
    exponent = scaling.asymptotic(alpha)
    middle = np.sqrt(ends.prod())
    line = LOWER * fit.coefficient * middle**fit.exponent * (ends / middle) ** -exponent
    label = f"law for infinitely many: slope {signed(-exponent)}"
    axes.plot(ends, line, color=NEUTRAL, lw=1.0, ls=INFINITE, label=label)


def _transitions(axes: Axes, scaling: Scaling, own: Points, alpha: float) -> None:
    """The mean loss if each subtask fell from 1 bit to 0 where it was half learned."""
    frequencies = zipf_frequencies(own.losses.shape[1], alpha=alpha)
    mean = by_own_transitions(own.x, own.losses / NATS_PER_BIT, frequencies)
    label = f"one seed, if each subtask fell at once: slope {signed(-fall(own.x, mean, **scaling.fit))}"
    axes.plot(own.x, np.where(mean > 0, mean, np.nan), color=TEST, lw=1.1, drawstyle="steps-post", label=label)


def signed(value: float) -> str:
    """Two digits after the point, and a minus as it is printed; a dash for what is not a number."""
    return f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "–"


def interval(fit: PowerLaw) -> str:
    """Student's 95 % interval of an exponent over seeds, to either side, if it has one."""
    return f" ± {signed((fit.high - fit.low) / 2)} (95 %)" if np.isfinite([fit.low, fit.high]).all() else ""


def plain_ticks(axis: Axis) -> None:
    """Plain numbers at 1, 2 and 5 on a log axis."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
