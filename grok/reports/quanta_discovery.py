"""Quanta discovered from gradients, held against the true ones (Michaud et al. 2023, Fig. 15)."""

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

from grok.reports.figure import RC, save
from grok.reports.losses import signed
from grok.reports.style import LINES, NEUTRAL, TEST, TRAIN

COLOURED = len(LINES)  # subtasks that have a colour of their own …
OTHERS = "#C8C8C8"  # … and the others'
EQUAL = LINES[5]  # the envelope where subtasks are equally frequent
TRUTHS = {"subtask": LINES[0], "subtask and parity": LINES[2], "subtask and its bits": LINES[3]}


class QuantaDiscovery:
    """Similarities in the order of clusters beside the true subtasks; the sizes of both by rank."""

    title = "Quanta discovered from gradients"
    needs = (
        "quanta_similarity",
        "quanta_cluster_size",
        "quanta_envelope",
        "quanta_envelope_null",
        "quanta_envelope_equal",
    )

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the matrix on the left and sizes on the right."""
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(9.6, 4.3), layout="constrained")
            left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
            if np.isfinite(record["quanta_subtasks"]):
                _matrix(figure, left, record)
                for sizes in record["quanta_cluster_size"].values:
                    _falling(right, record, sizes, color=NEUTRAL, linewidth=0.5, alpha=0.6)
                _sizes(right, [record], published=None)
            else:
                left.annotate(f"too few samples of almost no loss: {int(record['quanta_samples']):,}", (0, 0.5))
                left.set_axis_off()
                right.set_axis_off()
            save(figure, path, vector=False)
        return path


def draw(dataset: xr.Dataset, path: Path, *, published: str) -> Path:
    """Draw for every seed the envelope and the subtasks' sizes, and agreement with three truths against the count.

    `published` is the exponent of the paper's envelope.
    """
    seeds = [dataset.sel(seed=seed) for seed in dataset["seed"].values]
    seeds = [seed for seed in seeds if np.isfinite(seed["quanta_subtasks"])]
    if not seeds:
        raise ValueError("no network has learned enough to be clustered")
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(8.6, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _sizes(left, seeds, published=published)
        for record in seeds:
            for name, colour in TRUTHS.items():
                right.plot(record["clusters"], record["quanta_agreement"].sel(truth=name), color=colour, linewidth=1.1)
            right.axvline(record["quanta_subtasks"], color=NEUTRAL, linewidth=0.8, linestyle=":")
        top = {"xycoords": ("data", "axes fraction"), "fontsize": 7.5, "ha": "center", "va": "bottom"}
        middle = float(np.mean([seed["quanta_subtasks"] for seed in seeds]))
        right.annotate("subtasks among the samples", (middle, 1), **top, color=NEUTRAL)
        right.set(xscale="log", xlabel="number of clusters", ylabel="adjusted Rand index", ylim=(None, 1))
        _listed(right, [(f"against {name}", colour) for name, colour in TRUTHS.items()])
        save(figure, path)
    return path


def _matrix(figure: Figure, axes: Axes, record: xr.Dataset) -> None:
    """The similarity matrix, and to its left a strip of the true subtasks."""
    similarity = record["quanta_similarity"].values.astype(float)
    subtasks = record["quanta_sample_subtask"].values
    apart = similarity[~np.eye(len(similarity), dtype=bool)]
    low, high = np.percentile(apart, [1, 99])
    mesh = axes.imshow(similarity, cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
    figure.colorbar(mesh, ax=axes, label="angular similarity (1/2: at right angles)", shrink=0.85, extend="both")
    strip = axes.inset_axes((-0.05, 0, 0.035, 1))
    place = np.minimum(subtasks, COLOURED + 1)[:, None]
    colours = ListedColormap([*LINES, OTHERS])
    strip.imshow(place, cmap=colours, vmin=0.5, vmax=COLOURED + 1.5, aspect="auto", interpolation="nearest")
    for each in (axes, strip):
        each.set(xticks=[], yticks=[])
        each.spines[:].set_visible(False)
    count = int(record["quanta_subtasks"])
    axes.set_title(f"{len(similarity)} samples in the order of {count} clusters", fontsize=9)
    words = [("subtask", NEUTRAL), *((str(k + 1), colour) for k, colour in enumerate(LINES)), ("rarer", NEUTRAL)]
    for number, (word, colour) in enumerate(words):
        at = (0.0 if number == 0 else 0.12 + 0.055 * number, -0.02)
        axes.annotate(word, at, xycoords="axes fraction", color=colour, fontsize=8.5, va="top", weight="bold")


def _sizes(axes: Axes, records: Sequence[xr.Dataset], *, published: str | None) -> None:
    """Envelopes, the subtasks' sizes, and the envelopes of both controls; the ranks of the fit are shaded."""
    exponents = [float(record["quanta_envelope_exponent"]) for record in records]
    for record in records:
        _falling(axes, record, record["quanta_envelope"].values, color=TRAIN, linewidth=2)
        _falling(axes, record, record["quanta_true_size"].values, color=TEST, marker="o", ms=3, linewidth=0.7)
        _falling(axes, record, record["quanta_envelope_equal"].values, color=EQUAL, linewidth=1.2)
        _falling(axes, record, record["quanta_envelope_null"].values, color="black", linewidth=1.1, linestyle=":")
    ranks, n = records[0]["rank"].values, float(records[0]["quanta_samples"])
    theory, most = float(records[0]["quanta_true_exponent"]), float(records[0]["quanta_true_size"][0])
    axes.plot(ranks, most * ranks**theory, color=NEUTRAL, linewidth=1, linestyle="--")
    axes.set(xscale="log", yscale="log", xlabel="rank", ylabel="samples in the cluster", ylim=(0.8, 1.5 * n))
    first, last = records[0]["quanta_fitted_ranks"].values
    axes.axvspan(first, last, color=NEUTRAL, alpha=0.12, linewidth=0)
    told = f"ranks {first:.0f} – {last:.0f}, shaded" + (f"; published {published}" if published else "")
    null, equal = (
        float(np.mean([record[f"quanta_envelope_{name}_exponent"] for record in records])) for name in ("null", "equal")
    )
    _listed(
        axes,
        [
            (f"envelope: {signed(float(np.mean(exponents)))} ({told})", TRAIN),
            (f"if subtasks were equally frequent: {signed(equal)}", EQUAL),
            (f"if labels were random: {signed(null)} (dotted)", "black"),
            ("true subtasks", TEST),
            (f"theory: {signed(theory)} (dashed)", NEUTRAL),
        ],
    )


def _falling(axes: Axes, record: xr.Dataset, sizes: np.ndarray, **style: Any) -> None:
    """Sizes at their ranks, as far as there are clusters."""
    axes.plot(record["rank"].values[sizes > 0], sizes[sizes > 0], **style)


def _listed(axes: Axes, names: Sequence[tuple[str, str]]) -> None:
    """What the colours mean, at the upper right, where curves that fall leave room."""
    for number, (name, colour) in enumerate(names):
        at: Any = {"xy": (1, 0.99 - 0.065 * number), "xycoords": "axes fraction", "ha": "right", "va": "top"}
        axes.annotate(name, **at, color=colour, fontsize=8)
