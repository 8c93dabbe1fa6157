"""What the effective theory says beside what networks do, by the training set (Liu et al. 2022, Fig. 2–4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes

from grok.records.sweep import last_look
from grok.reports.style import DASHED, LINES, NEUTRAL, TEST, TRAIN
from grok.science import effective_theory
from grok.science.comparisons import rank_correlation
from grok.science.curves import rises_to
from grok.science.parallelograms import equations, parallelograms
from grok.science.toy_operations import toy_table

SIZE = "task.n_train"
THEORY: Any = {"color": "black", "lw": 1.2, "ls": DASHED}


class Expected(NamedTuple):
    """Over random training sets of each size: how many determine the representation, and the mean of λ₃."""

    fractions: np.ndarray
    shares: np.ndarray
    rates: np.ndarray


@lru_cache(maxsize=2)
def expected(p: int, n_sets: int) -> Expected:
    """Of sums of p numbers, from so many training sets of each size, drawn by one stream."""
    pairs, results = toy_table("add", p)
    quadruples = parallelograms(results)
    rows, generator = equations(pairs, quadruples, p), torch.Generator().manual_seed(0)
    found = []
    for size in range(1, len(pairs) + 1):
        known = effective_theory.random_training_sets(len(pairs), size, n_sets, generator)
        share, rate, _ = effective_theory.expected_rates(rows, quadruples, known, free=effective_theory.LINEAR)
        found.append((size / len(pairs), share, rate))
    return Expected(*np.array(found).T)


def curves_of_seeds(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    quantity: str,
    label: str,
    where: Mapping[str, Any],
    seed: int,
    step: int,
    level: float,
    published: str,
) -> None:
    """A thin curve for each of our seeds, and the reference's random numbers as a thick one, with the `step`, as we
    count, at which its own code says that this curve reaches the `level`; it is named as it is `published`."""
    ours, theirs = dataset.sel(where), dataset.sel({"task.random_numbers": "reference", "seed": seed})
    for own in [ours.isel(seed=number) for number in range(ours.sizes["seed"])]:
        axes.plot(dataset["step"], own[quantity], color=TRAIN, lw=0.7, alpha=0.45)
    axes.plot(dataset["step"], theirs[quantity], color=TEST, lw=1.6)
    axes.axhline(level, color=NEUTRAL, lw=0.8, ls=":")
    axes.plot(step, level, "o", mfc="white", mec=TEST, ms=6, zorder=5)
    axes.set(xscale="log", xlim=(10, None), ylim=(0, 1.05), xlabel="optimiser step", ylabel=label)
    for height, text, colour in (
        (0.78, f"{ours.sizes['seed']} seeds of ours", TRAIN),
        (0.68, f"seed {seed}, the\nreference's numbers", TEST),
        (0.5, f"○ published: {level:g}\nat {published}", TEST),
    ):
        axes.annotate(text, (0.02, height), xycoords="axes fraction", color=colour, fontsize=8, va="center")


def determined(axes: Axes, dataset: xr.Dataset, *, p: int, n_sets: int) -> None:
    """The share of seeds whose representation gets there, the mean RQI at the end, and the probability that a training
    set allows no other representation."""
    fraction, theory = _fraction(dataset, p), expected(p, n_sets)
    reached = np.isfinite(_values(dataset, "rqi_step")).mean(1)
    quality = _values(dataset, "rqi").mean(1)
    critical = rises_to(theory.fractions, theory.shares, level=0.5)
    axes.plot(theory.fractions, theory.shares, **THEORY)
    axes.plot(fraction, reached, "o-", color=TRAIN, ms=4, lw=1.2)
    axes.plot(fraction, quality, "s-", color=LINES[2], ms=3.5, lw=1.2)
    axes.axvline(critical, color=NEUTRAL, lw=0.8, ls=":")
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.05), ylabel="share, RQI", xlabel=_label(p))
    axes.set_title(f"half of the training sets determine it at {critical:.2f}", fontsize=8, loc="left")
    names = [("P(unique), theory", "black"), ("seeds with RQI > .95", TRAIN), ("mean RQI at the end", LINES[2])]
    _named(axes, names, corner="lower right")


def accuracies_by_fraction(axes: Axes, dataset: xr.Dataset, *, p: int) -> None:
    """The accuracy on the whole table, what the representation predicts of it, and the most that the training set
    allows: means of the seeds."""
    fraction = _fraction(dataset, p)
    curves: dict[str, tuple[str, str, Any]] = {
        "table_accuracy": ("measured", TRAIN, {"ls": "-", "marker": "o"}),
        "predicted_accuracy": ("predicted by the representation", LINES[3], {"ls": DASHED, "marker": "s"}),
        "ideal_accuracy": ("allowed by the training set", NEUTRAL, {"ls": ":"}),
    }
    for name, (_, colour, style) in curves.items():
        axes.plot(fraction, _values(dataset, name).mean(1), color=colour, ms=4, lw=1.2, **style)
    axes.plot([0, 1], [0, 1], color=NEUTRAL, lw=0.6)
    axes.set(xlim=(0, 1), ylim=(0, 1.05), xlabel=_label(p), ylabel="accuracy on the table")
    names = [*[(text, colour) for text, colour, _ in curves.values()], ("thin: what it is trained on", NEUTRAL)]
    _named(axes, names, corner="lower right")


def accuracies(axes: Axes, dataset: xr.Dataset, *, published: Sequence[Sequence[float]]) -> None:
    """The accuracy on the whole table against the one that the representation predicts; a point for each cell."""
    found = _values(dataset, "predicted_accuracy"), _values(dataset, "table_accuracy")
    axes.plot([0, 1], [0, 1], color=NEUTRAL, lw=0.8, ls=":")
    axes.plot(*(each.flatten() for each in found), "o", color=TRAIN, ms=4, alpha=0.4, mew=0)
    axes.plot(*zip(*published, strict=True), "o", mfc="white", mec=TEST, ms=5)
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="predicted accuracy", ylabel="measured accuracy")
    axes.set_title("on the whole table", fontsize=8, loc="left")
    _named(axes, [("each of our runs", TRAIN), (f"○ published, {len(published)} that are at hand", TEST)])


def steps(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    p: int,
    n_sets: int,
    learning_rate: float,
    published: Sequence[Sequence[float]],
    of_batches: Sequence[Sequence[float]],
) -> None:
    """Steps until RQI is .95 for each seed, and 3 n_h of the mean λ₃; what never gets there is counted above. Published
    are [pairs, seed, step] of runs that see all their pairs in every step, as ours do, and others `of_batches`."""
    fraction, theory, found = _fraction(dataset, p), expected(p, n_sets), _values(dataset, "rqi_step")
    axes.plot(theory.fractions, 3 * _n_h(theory.rates, p, learning_rate), **THEORY)
    for own in found.T:
        axes.plot(fraction, own, "o", color=TRAIN, ms=4, alpha=0.5, mew=0)
    for points, mark in ((published, "o"), (of_batches, "D")):
        sizes, _, when = np.array(points).T
        axes.plot(sizes / (p * (p + 1) / 2), when, mark, mfc="none", mec=TEST, ms=5.5 if mark == "o" else 4.5)
    axes.set(xlim=(0, 1), yscale="log", ylim=(100, 2e4), xlabel=_label(p), ylabel="steps to RQI > .95")
    for x, count in zip(fraction, (~np.isfinite(found)).sum(1), strict=True):
        if count:
            at: Any = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom", "fontsize": 7}
            axes.annotate(str(count), (x, 1.0), **at, color=NEUTRAL)
    axes.annotate("never:", (-0.01, 1.0), xycoords="axes fraction", ha="right", va="bottom", color=NEUTRAL, fontsize=7)
    names = [("theory: $3 n_h$ of the code", "black"), ("each of our runs", TRAIN)]
    _named(axes, [*names, ("○ published", TEST), ("◇ published, in batches", TEST)], corner="lower left")


def rates(axes: Axes, dataset: xr.Dataset, *, p: int, n_sets: int) -> None:
    """λ₃ of each run's training set, and its mean over random ones."""
    fraction, theory = _fraction(dataset, p), expected(p, n_sets)
    axes.plot(theory.fractions, theory.rates, **THEORY)
    for own in _values(dataset, "slowest_rate").T:
        axes.plot(fraction, own, "o", color=TRAIN, ms=4, alpha=0.5, mew=0)
    axes.set(xlim=(0, 1), xlabel=_label(p), ylabel="λ₃ of AᵀA")
    _named(axes, [("mean over random sets", "black"), ("each of our runs", TRAIN)])


def steps_against_theory(axes: Axes, dataset: xr.Dataset, *, p: int, learning_rate: float) -> None:
    """Measured steps of each run against 3 n_h of its own training set."""
    rate, found = _values(dataset, "slowest_rate"), _values(dataset, "rqi_step")
    there = np.isfinite(found) & (rate > 0)
    predicted = 3 * _n_h(rate[there], p, learning_rate)
    ends = np.array([100, 2e4])
    axes.plot(ends, ends, color=NEUTRAL, lw=0.8, ls=":")
    axes.plot(predicted, found[there], "o", color=TRAIN, ms=4, alpha=0.5, mew=0)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set(xlabel="$3 n_h$ = 3 / (λ₃(H) η) of its training set", ylabel="steps to RQI > .95")
    rank = rank_correlation(np.arange(predicted.size), predicted, found[there])
    told = f"{there.sum()} of {there.size} runs together: Spearman {rank:.2f}".replace("-", "−")
    axes.set_title(told, fontsize=8, loc="left")


def _n_h(rate: np.ndarray, p: int, learning_rate: float) -> np.ndarray:
    """Of the standardised embedding on a line, whose Z₀ is p − 1."""
    return effective_theory.steps_of_theory(rate, length=p - 1.0, learning_rate=learning_rate)


def _values(dataset: xr.Dataset, name: str) -> np.ndarray:
    """A quantity of every cell at its end [size, seed]."""
    quantity = last_look(dataset, name) if "step" in dataset[name].dims else dataset[name]
    return np.asarray(quantity.transpose(SIZE, "seed").values, dtype=float)


def _fraction(dataset: xr.Dataset, p: int) -> np.ndarray:
    return np.asarray(dataset[SIZE].values / (p * (p + 1) / 2))


def _label(p: int) -> str:
    return f"fraction of the {p * (p + 1) // 2} pairs to train on"


def _named(axes: Axes, names: Sequence[tuple[str, str]], *, corner: str = "upper left") -> None:
    """Names in their colours, under one another in a corner."""
    at_top, at_left = corner.startswith("upper"), corner.endswith("left")
    for number, (text, colour) in enumerate(names if at_top else reversed(names)):
        place = (0.03 if at_left else 0.97, 0.94 - 0.08 * number if at_top else 0.06 + 0.08 * number)
        style: Any = {"xycoords": "axes fraction", "fontsize": 8, "va": "center", "ha": "left" if at_left else "right"}
        axes.annotate(text, place, color=colour, **style)
