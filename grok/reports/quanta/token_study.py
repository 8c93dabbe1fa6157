"""Clusters of tokens in networks of two sizes: classes, counts, agreement, and what their gradients change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.quanta.token_clusters import clusters_of, draw_texts
from grok.reports.style import GRAY, PALETTE, RC, TEST, TRAIN, save_figure
from grok.science.language.token_classes import OTHER
from grok.science.quanta.clusters import agreement_of_networks

GROUPING_STYLES = {"clusters": ("clusters", TRAIN), "target": ("same target", TEST), "random": ("random", GRAY)}
COUNTS = {
    "quanta_coherent": ("clusters", TRAIN),
    "quanta_coherent_target": ("same\ntarget", TEST),
    "quanta_coherent_null": ("shuffled\nsimilarities", PALETTE[2]),
    "quanta_coherent_random": ("random", GRAY),
}
MIN_CLASS = 5  # samples of a class that is drawn, mean over networks
N_TEXTS = 6  # clusters that are drawn as text


def draw(dataset: xr.Dataset, path: Path, *, texts_of: str) -> Path:
    """Draw the study; `texts_of` is the size whose first seed's clusters are shown as text.

    Raises:
        ValueError: no run has learned enough tokens.
    """
    if not np.isfinite(dataset["quanta_coherent"]).any():
        raise ValueError("no run has learned enough tokens to cluster")
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(10.2, 9.4), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=(1.15, 1))
        axes = top.subplot_mosaic(
            [["f1", "count", "change"], ["f1", "agreement", "change"]], width_ratios=(1.35, 1, 1.2)
        )
        _class_scores(axes["f1"], dataset)
        _counts(axes["count"], dataset)
        _agreement(axes["agreement"], dataset)
        _changes(axes["change"], dataset)
        chosen = dataset.sel(size=texts_of)
        with_clusters = np.flatnonzero(np.isfinite(chosen["quanta_coherent"].values))
        if with_clusters.size:
            draw_texts(bottom, clusters_of(chosen.isel(seed=with_clusters[0]))[:N_TEXTS])
        save_figure(figure, path)
    return path


def _class_scores(axes: Axes, dataset: xr.Dataset) -> None:
    """The F1 of each class by each grouping: a dot for each seed, and the sizes side by side."""
    numbers = dataset["quanta_class_samples"].mean(("size", "seed"))
    classes = [each for each in numbers["class"].values if each != OTHER]
    names = [name for name in classes if numbers.sel({"class": name}) >= MIN_CLASS]
    names.sort(key=lambda name: float(dataset["quanta_class_f1"].sel({"class": name, "grouping": "clusters"}).mean()))
    for row, name in enumerate(names):
        for shift, size in _shifts(dataset):
            for grouping, (_, color) in GROUPING_STYLES.items():
                scores = dataset["quanta_class_f1"].sel({"class": name, "grouping": grouping, "size": size}).values
                axes.plot(scores, np.full(len(scores), row - shift), "o", ms=3.6, color=color, alpha=0.75, mew=0)
    axes.set(yticks=range(len(names)), xlim=(0, 1.03), xlabel="F1 of the best group of tokens")
    axes.set_yticklabels([f"{name} ({float(numbers.sel({'class': name})):.0f})" for name in names], fontsize=7.5)
    for x, (label, color) in zip((0.02, 0.34, 0.72), GROUPING_STYLES.values(), strict=True):
        axes.annotate(label, (x, 1.01), xycoords="axes fraction", color=color, fontsize=8, weight="bold")
    axes.annotate(_order(dataset), (1, 0.01), xycoords="axes fraction", ha="right", color=GRAY, fontsize=7.5)


def _counts(axes: Axes, dataset: xr.Dataset) -> None:
    """Coherent clusters, and those of the nulls."""
    for column, (name, (_, color)) in enumerate(COUNTS.items()):
        for shift, size in _shifts(dataset):
            values = dataset[name].sel(size=size).values
            axes.plot(np.full(len(values), column + shift), values, "o", ms=4, color=color, alpha=0.75, mew=0)
    _columns(axes, [label for label, _ in COUNTS.values()])
    axes.set(ylabel="coherent clusters", ylim=(0, None))


def _agreement(axes: Axes, dataset: xr.Dataset) -> None:
    """How far clusters agree between k-means seeds, network seeds, and sizes, in coherent clusters."""
    columns = [dataset["quanta_coherent_agreement"].values.ravel()]
    columns.append(np.array([_shared(dataset.sel(size=size), "seed") for size in dataset["size"].values]))
    columns.append(np.array([_shared(dataset.sel(seed=seed), "size") for seed in dataset["seed"].values]))
    for column, values in enumerate(columns):
        axes.plot(np.full(len(values), column), values, "o", ms=4, color=TRAIN, alpha=0.75, mew=0)
    _columns(axes, ["k-means\nseeds", "network\nseeds", "sizes"])
    axes.set(ylabel="adjusted Rand index", ylim=(0, 1))


def _shared(dataset: xr.Dataset, along: str) -> float:
    dims = (along, "sample", "cluster")
    names = ("quanta_place", "quanta_sample_cluster", "quanta_is_coherent")
    arrays = [dataset[name].transpose(*[dim for dim in dims if dim in dataset[name].dims]) for name in names]
    return agreement_of_networks(*[dataset[dim].values for dim in dims], *[each.values for each in arrays])


def _changes(axes: Axes, dataset: xr.Dataset) -> None:
    """The change of the loss inside a group versus outside, by a step along its mean gradient."""
    for grouping, (label, color) in GROUPING_STYLES.items():
        changes = dataset["quanta_loss_change"].sel(change="step", grouping=grouping)
        inside, outside = (changes.sel(part=part).values.ravel() for part in ("inside", "outside"))
        axes.plot(outside, inside, "o", ms=3.2, color=color, alpha=0.6, mew=0, label=label)
    axes.axline((0, 0), slope=1, color=GRAY, lw=0.8, ls=":")
    linear = {"linthresh": 0.01, "linscale": 0.6}
    axes.set_xscale("symlog", **linear)
    axes.set_yscale("symlog", **linear)
    axes.set(xlabel="change of the loss outside (nats)", ylabel="inside, other samples than the gradient's (nats)")
    axes.set_title("step along a group's mean gradient", fontsize=8.5, color=GRAY)


def _shifts(dataset: xr.Dataset) -> list[tuple[float, str]]:
    """A shift for each size, so that sizes are drawn side by side."""
    sizes = dataset["size"].values.tolist()
    return [(0.16 * (index - (len(sizes) - 1) / 2), size) for index, size in enumerate(sizes)]


def _columns(axes: Axes, labels: Sequence[str]) -> None:
    axes.set(xticks=range(len(labels)), xlim=(-0.5, len(labels) - 0.5))
    axes.set_xticklabels(labels, fontsize=7.5)


def _order(dataset: xr.Dataset) -> str:
    return "above: " + ", below: ".join(map(str, dataset["size"].values))
