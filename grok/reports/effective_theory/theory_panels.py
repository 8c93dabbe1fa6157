"""Panels that compare the effective theory with networks, by training fraction (Liu et al. 2022, Fig. 2–4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes

from grok.records.per_run import final_values
from grok.reports.style import GRAY, PALETTE, TEST, TEST_STYLE, TRAIN
from grok.science.effective_theory import effective_loss
from grok.science.effective_theory.parallelograms import equations, parallelograms
from grok.science.effective_theory.toy_operations import toy_table
from grok.science.statistics.comparisons import rank_correlation
from grok.science.statistics.curves import rises_to

SIZE = "task.n_train"
THEORY: Any = {"color": "black", "lw": 1.2, "ls": TEST_STYLE}


class ExpectedCurves(NamedTuple):
    """Averages over random training sets, by training fraction."""

    fractions: np.ndarray
    shares: np.ndarray  # of training sets that determine the representation
    rates: np.ndarray  # mean λ₃


@lru_cache(maxsize=2)
def expected_curves(p: int, n_sets: int) -> ExpectedCurves:
    """The averages for addition of p numbers, over `n_sets` random training sets of each size."""
    pairs, results = toy_table("add", p)
    quadruples = parallelograms(results)
    equation_rows, generator = equations(pairs, quadruples, p), torch.Generator().manual_seed(0)
    curves = []
    for size in range(1, len(pairs) + 1):
        known = effective_loss.random_training_sets(len(pairs), size, n_sets, generator)
        share, rate, _ = effective_loss.expected_rates(
            equation_rows, quadruples, known, n_free=effective_loss.LINEAR_NULLITY
        )
        curves.append((size / len(pairs), share, rate))
    return ExpectedCurves(*np.array(curves).T)


def seed_curves(
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
    """A thin curve per seed of ours, a thick curve with the reference's random numbers, and the published point.

    The reference's code reports that its curve reaches `level` at step `published`, which is `step` in our count.
    """
    ours, reference = dataset.sel(where), dataset.sel({"task.rng": "reference", "seed": seed})
    n_seeds = ours.sizes["seed"]
    for index in range(n_seeds):
        axes.plot(dataset["step"], ours.isel(seed=index)[quantity], color=TRAIN, lw=0.7, alpha=0.45)
    axes.plot(dataset["step"], reference[quantity], color=TEST, lw=1.6)
    axes.axhline(level, color=GRAY, lw=0.8, ls=":")
    axes.plot(step, level, "o", mfc="white", mec=TEST, ms=6, zorder=5)
    axes.set(xscale="log", xlim=(10, None), ylim=(0, 1.05), xlabel="optimizer step", ylabel=label)
    for height, text, color in (
        (0.78, f"ours, {n_seeds} seeds", TRAIN),
        (0.68, f"seed {seed}, reference\nrandom numbers", TEST),
        (0.5, f"○ published: {level:g}\nat step {published}", TEST),
    ):
        axes.annotate(text, (0.02, height), xycoords="axes fraction", color=color, fontsize=8, va="center")


def representation_by_fraction(axes: Axes, dataset: xr.Dataset, *, p: int, n_sets: int) -> None:
    """The share of seeds that reach RQI > .95, the mean final RQI, and the theory's P(unique).

    P(unique) is the probability that a training set allows one representation only.
    """
    fraction, theory = _fraction(dataset, p), expected_curves(p, n_sets)
    reached = np.isfinite(_values(dataset, "rqi_step")).mean(1)
    quality = _values(dataset, "rqi").mean(1)
    critical = rises_to(theory.fractions, theory.shares, level=0.5)
    axes.plot(theory.fractions, theory.shares, **THEORY)
    axes.plot(fraction, reached, "o-", color=TRAIN, ms=4, lw=1.2)
    axes.plot(fraction, quality, "s-", color=PALETTE[2], ms=3.5, lw=1.2)
    axes.axvline(critical, color=GRAY, lw=0.8, ls=":")
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.05), ylabel="share of seeds, RQI", xlabel=_label(p))
    axes.set_title(f"P(unique) = 0.5 at a training fraction of {critical:.2f}", fontsize=8, loc="left")
    names = [("P(unique), theory", "black"), ("seeds with RQI > .95", TRAIN), ("mean final RQI", PALETTE[2])]
    _legend(axes, names, corner="lower right")


def accuracy_by_fraction(axes: Axes, dataset: xr.Dataset, *, p: int) -> None:
    """Accuracy on the full table, averaged over seeds: measured, predicted, and the upper bound.

    The representation predicts the accuracy, and the training set gives the upper bound.
    """
    fraction = _fraction(dataset, p)
    curves: dict[str, tuple[str, str, Any]] = {
        "full_table_accuracy": ("measured", TRAIN, {"ls": "-", "marker": "o"}),
        "predicted_accuracy": ("predicted from the representation", PALETTE[3], {"ls": TEST_STYLE, "marker": "s"}),
        "ideal_accuracy": ("upper bound for the training set", GRAY, {"ls": ":"}),
    }
    for name, (_, color, style) in curves.items():
        axes.plot(fraction, _values(dataset, name).mean(1), color=color, ms=4, lw=1.2, **style)
    axes.plot([0, 1], [0, 1], color=GRAY, lw=0.6)
    axes.set(xlim=(0, 1), ylim=(0, 1.05), xlabel=_label(p), ylabel="accuracy on the full table")
    names = [*[(text, color) for text, color, _ in curves.values()], ("thin: training fraction", GRAY)]
    _legend(axes, names, corner="lower right")


def accuracy_versus_prediction(axes: Axes, dataset: xr.Dataset, *, published: Sequence[Sequence[float]]) -> None:
    """Accuracy on the full table versus its prediction from the representation, one point per run.

    `published` has points [predicted, measured].
    """
    predicted, measured = (_values(dataset, name) for name in ("predicted_accuracy", "full_table_accuracy"))
    axes.plot([0, 1], [0, 1], color=GRAY, lw=0.8, ls=":")
    axes.plot(predicted.flatten(), measured.flatten(), "o", color=TRAIN, ms=4, alpha=0.4, mew=0)
    axes.plot(*zip(*published, strict=True), "o", mfc="white", mec=TEST, ms=5)
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="predicted accuracy", ylabel="measured accuracy")
    axes.set_title("accuracy on the full table", fontsize=8, loc="left")
    _legend(axes, [("our runs", TRAIN), (f"○ published, {len(published)} available runs", TEST)])


def steps_by_fraction(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    p: int,
    n_sets: int,
    learning_rate: float,
    published: Sequence[Sequence[float]],
    published_mini_batch: Sequence[Sequence[float]],
) -> None:
    """Steps to RQI > .95 of each run, and the theory's 3 n_h of the mean λ₃.

    Runs that never reach it are counted above the axes. Published points are [pairs, seed, step]: `published` with the
    full batch, as in our runs, and `published_mini_batch` with mini-batches.
    """
    fraction, theory, steps = _fraction(dataset, p), expected_curves(p, n_sets), _values(dataset, "rqi_step")
    axes.plot(theory.fractions, 3 * _n_h(theory.rates, p, learning_rate), **THEORY)
    for of_seed in steps.T:
        axes.plot(fraction, of_seed, "o", color=TRAIN, ms=4, alpha=0.5, mew=0)
    for points, marker in ((published, "o"), (published_mini_batch, "D")):
        sizes, _, published_steps = np.array(points).T
        marker_size = 5.5 if marker == "o" else 4.5
        axes.plot(sizes / (p * (p + 1) / 2), published_steps, marker, mfc="none", mec=TEST, ms=marker_size)
    axes.set(xlim=(0, 1), yscale="log", ylim=(100, 2e4), xlabel=_label(p), ylabel="steps to RQI > .95")
    for x, count in zip(fraction, (~np.isfinite(steps)).sum(1), strict=True):
        if count:
            style: Any = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom", "fontsize": 7}
            axes.annotate(str(count), (x, 1.0), **style, color=GRAY)
    axes.annotate("never:", (-0.01, 1.0), xycoords="axes fraction", ha="right", va="bottom", color=GRAY, fontsize=7)
    names = [("theory: $3 n_h$, reference code", "black"), ("our runs", TRAIN)]
    _legend(axes, [*names, ("○ published, full batch", TEST), ("◇ published, mini-batches", TEST)], corner="lower left")


def slowest_rate_by_fraction(axes: Axes, dataset: xr.Dataset, *, p: int, n_sets: int) -> None:
    """λ₃ of each run's training set, and the mean λ₃ over random training sets."""
    fraction, theory = _fraction(dataset, p), expected_curves(p, n_sets)
    axes.plot(theory.fractions, theory.rates, **THEORY)
    for of_seed in _values(dataset, "slowest_rate").T:
        axes.plot(fraction, of_seed, "o", color=TRAIN, ms=4, alpha=0.5, mew=0)
    axes.set(xlim=(0, 1), xlabel=_label(p), ylabel="λ₃ of AᵀA")
    _legend(axes, [("mean over random training sets", "black"), ("our runs", TRAIN)])


def steps_versus_theory(axes: Axes, dataset: xr.Dataset, *, p: int, learning_rate: float) -> None:
    """Measured steps of each run versus 3 n_h of its training set."""
    rate, steps = _values(dataset, "slowest_rate"), _values(dataset, "rqi_step")
    reached = np.isfinite(steps) & (rate > 0)
    predicted = 3 * _n_h(rate[reached], p, learning_rate)
    limits = np.array([100, 2e4])
    axes.plot(limits, limits, color=GRAY, lw=0.8, ls=":")
    axes.plot(predicted, steps[reached], "o", color=TRAIN, ms=4, alpha=0.5, mew=0)
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    axes.set(xlabel="$3 n_h$ = 3 / (λ₃(H) η) of the training set", ylabel="steps to RQI > .95")
    rank = rank_correlation(np.arange(predicted.size), predicted, steps[reached])
    caption = f"{reached.sum()} of {reached.size} runs: Spearman {rank:.2f}".replace("-", "−")
    axes.set_title(caption, fontsize=8, loc="left")


def _n_h(rate: np.ndarray, p: int, learning_rate: float) -> np.ndarray:
    """n_h of a standardized one-dimensional embedding, whose Z₀ is p − 1."""
    return effective_loss.relaxation_steps(rate, length=p - 1.0, learning_rate=learning_rate)


def _values(dataset: xr.Dataset, name: str) -> np.ndarray:
    """The final value of a quantity in every run [size, seed]."""
    quantity = final_values(dataset, name) if "step" in dataset[name].dims else dataset[name]
    return np.asarray(quantity.transpose(SIZE, "seed").values, dtype=float)


def _fraction(dataset: xr.Dataset, p: int) -> np.ndarray:
    return np.asarray(dataset[SIZE].values / (p * (p + 1) / 2))


def _label(p: int) -> str:
    return f"training fraction of the {p * (p + 1) // 2} pairs"


def _legend(axes: Axes, names: Sequence[tuple[str, str]], *, corner: str = "upper left") -> None:
    """Write the names in their colors into a corner, one per line."""
    is_top, is_left = corner.startswith("upper"), corner.endswith("left")
    for index, (text, color) in enumerate(names if is_top else reversed(names)):
        position = (0.03 if is_left else 0.97, 0.94 - 0.08 * index if is_top else 0.06 + 0.08 * index)
        style: Any = {"xycoords": "axes fraction", "fontsize": 8, "va": "center", "ha": "left" if is_left else "right"}
        axes.annotate(text, position, color=color, **style)
