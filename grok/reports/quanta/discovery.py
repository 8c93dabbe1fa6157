"""Quanta discovered from gradients, compared with the true subtasks (Michaud et al. 2023, Fig. 15)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, PALETTE, RC, TEST, TRAIN, format_signed, save_figure

N_COLORED = len(PALETTE)  # subtasks with a color of their own
OTHER_COLOR = "#C8C8C8"  # of the other subtasks
EQUAL_COLOR = PALETTE[5]  # envelope of the control with equally frequent subtasks
TRUTH_COLORS = {"subtask": PALETTE[0], "subtask and parity": PALETTE[2], "subtask and its bits": PALETTE[3]}


class QuantaDiscovery(Plot):
    """The similarity matrix sorted by cluster, with the true subtasks; sizes of clusters and subtasks by rank."""

    title = "Quanta discovered from gradients"
    needs = (
        "quanta_similarity",
        "quanta_cluster_size",
        "quanta_envelope",
        "quanta_envelope_null",
        "quanta_envelope_equal",
    )

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the matrix on the left and the sizes on the right."""
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(9.6, 4.3), layout="constrained")
            left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
            if np.isfinite(record["quanta_subtasks"]):
                _matrix(figure, left, record)
                for sizes in record["quanta_cluster_size"].values:
                    _draw_sizes(right, record, sizes, color=GRAY, linewidth=0.5, alpha=0.6)
                _sizes(right, [record], published=None)
            else:
                left.annotate(f"too few samples with near-zero loss: {int(record['quanta_samples']):,}", (0, 0.5))
                left.set_axis_off()
                right.set_axis_off()
            save_figure(figure, path, vector=False)
        return path


def draw_discovery(dataset: xr.Dataset, path: Path, *, published: str) -> Path:
    """Draw every seed's envelope and subtask sizes, and the clusters' agreement with three ground truths.

    `published` is the exponent of the paper's envelope.

    Raises:
        ValueError: no seed has enough samples with near-zero loss.
    """
    seeds = [dataset.sel(seed=seed) for seed in dataset["seed"].values]
    seeds = [seed for seed in seeds if np.isfinite(seed["quanta_subtasks"])]
    if not seeds:
        raise ValueError("no run has enough samples with near-zero loss to cluster")
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(8.6, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _sizes(left, seeds, published=published)
        for record in seeds:
            for name, color in TRUTH_COLORS.items():
                right.plot(record["clusters"], record["quanta_agreement"].sel(truth=name), color=color, linewidth=1.1)
            right.axvline(record["quanta_subtasks"], color=GRAY, linewidth=0.8, linestyle=":")
        style = {"xycoords": ("data", "axes fraction"), "fontsize": 7.5, "ha": "center", "va": "bottom"}
        mean_count = float(np.mean([seed["quanta_subtasks"] for seed in seeds]))
        right.annotate("subtasks in the samples", (mean_count, 1), **style, color=GRAY)
        right.set(xscale="log", xlabel="number of clusters", ylabel="adjusted Rand index", ylim=(None, 1))
        _legend(right, [(f"versus {name}", color) for name, color in TRUTH_COLORS.items()])
        save_figure(figure, path)
    return path


def _matrix(figure: Figure, axes: Axes, record: xr.Dataset) -> None:
    """Draw the similarity matrix, and to its left a strip of the true subtasks."""
    similarity = record["quanta_similarity"].values.astype(float)
    subtasks = record["quanta_sample_subtask"].values
    off_diagonal = similarity[~np.eye(len(similarity), dtype=bool)]
    low, high = np.percentile(off_diagonal, [1, 99])
    mesh = axes.imshow(similarity, cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
    figure.colorbar(mesh, ax=axes, label="angular similarity (1/2: orthogonal)", shrink=0.85, extend="both")
    strip = axes.inset_axes((-0.05, 0, 0.035, 1))
    color_index = np.minimum(subtasks, N_COLORED + 1)[:, None]
    colors = ListedColormap([*PALETTE, OTHER_COLOR])
    strip.imshow(color_index, cmap=colors, vmin=0.5, vmax=N_COLORED + 1.5, aspect="auto", interpolation="nearest")
    for each in (axes, strip):
        each.set(xticks=[], yticks=[])
        each.spines[:].set_visible(False)
    n_clusters = int(record["quanta_subtasks"])
    axes.set_title(f"{len(similarity)} samples, sorted by {n_clusters} clusters", fontsize=9)
    words = [("subtask", GRAY), *((str(k + 1), color) for k, color in enumerate(PALETTE)), ("rarer", GRAY)]
    for index, (word, color) in enumerate(words):
        position = (0.0 if index == 0 else 0.12 + 0.055 * index, -0.02)
        axes.annotate(word, position, xycoords="axes fraction", color=color, fontsize=8.5, va="top", weight="bold")


def _sizes(axes: Axes, records: Sequence[xr.Dataset], *, published: str | None) -> None:
    """Draw the envelopes, the subtasks' sizes, and the envelopes of both controls; the fitted ranks are shaded."""
    exponents = [float(record["quanta_envelope_exponent"]) for record in records]
    for record in records:
        _draw_sizes(axes, record, record["quanta_envelope"].values, color=TRAIN, linewidth=2)
        _draw_sizes(axes, record, record["quanta_true_size"].values, color=TEST, marker="o", ms=3, linewidth=0.7)
        _draw_sizes(axes, record, record["quanta_envelope_equal"].values, color=EQUAL_COLOR, linewidth=1.2)
        _draw_sizes(axes, record, record["quanta_envelope_null"].values, color="black", linewidth=1.1, linestyle=":")
    ranks, n = records[0]["rank"].values, float(records[0]["quanta_samples"])
    theory, largest = float(records[0]["quanta_true_exponent"]), float(records[0]["quanta_true_size"][0])
    axes.plot(ranks, largest * ranks**theory, color=GRAY, linewidth=1, linestyle="--")
    axes.set(xscale="log", yscale="log", xlabel="rank", ylabel="cluster size (samples)", ylim=(0.8, 1.5 * n))
    first, last = records[0]["quanta_fitted_ranks"].values
    axes.axvspan(first, last, color=GRAY, alpha=0.12, linewidth=0)
    fitted = f"ranks {first:.0f} – {last:.0f}, shaded" + (f"; published {published}" if published else "")
    null, equal = (
        float(np.mean([record[f"quanta_envelope_{name}_exponent"] for record in records])) for name in ("null", "equal")
    )
    _legend(
        axes,
        [
            (f"envelope: {format_signed(float(np.mean(exponents)))} ({fitted})", TRAIN),
            (f"control, equally frequent subtasks: {format_signed(equal)}", EQUAL_COLOR),
            (f"control, random clusters: {format_signed(null)} (dotted)", "black"),
            ("true subtasks", TEST),
            (f"theory: {format_signed(theory)} (dashed)", GRAY),
        ],
    )


def _draw_sizes(axes: Axes, record: xr.Dataset, sizes: np.ndarray, **style: Any) -> None:
    """Draw sizes by rank; ranks without a cluster have size 0 and are left out."""
    axes.plot(record["rank"].values[sizes > 0], sizes[sizes > 0], **style)


def _legend(axes: Axes, names: Sequence[tuple[str, str]]) -> None:
    """Write the names in their colors at the upper right, where falling curves leave room."""
    for index, (name, color) in enumerate(names):
        style: Any = {"xy": (1, 0.99 - 0.065 * index), "xycoords": "axes fraction", "ha": "right", "va": "top"}
        axes.annotate(name, **style, color=color, fontsize=8)
