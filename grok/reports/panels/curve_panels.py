"""Curves of several settings: one panel per setting, one line per seed, published points as circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grok.reports.style import GRAY, RC, TEST, TEST_STYLE, TRAIN, save_figure

COLORS = {"train_accuracy": TRAIN, "test_accuracy": TEST, "train_loss": TRAIN, "test_loss": TEST}


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The upper axis: train and test curves of a `quantity`, such as the loss."""

    quantity: str
    label: str
    scale: str
    limits: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The runs at the swept values `where`, with `published` points {variable: [[step, value], …]}."""

    title: str
    where: Mapping[str, Any]
    published: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


ACCURACY = Curves(quantity="accuracy", label="accuracy", scale="linear", limits=(0, 1.05))


def draw(
    dataset: xr.Dataset,
    path: Path,
    *,
    panels: Sequence[Panel],
    y: Curves = ACCURACY,
    steps: str = "log",
) -> Path:
    """Draw train and test curves of `y`, and the weight norm below, over steps. `steps` is the scale of their axis."""
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(2.8 * len(panels), 3.4), layout="constrained")
        rows = figure.subplots(2, len(panels), sharex=True, sharey="row", height_ratios=(3, 1.3), squeeze=False)
        for column, panel in enumerate(panels):
            upper, norm = rows[0][column], rows[1][column]
            chosen = dataset.sel(panel.where)
            for seed in chosen["seed"].values:
                _curves(upper, norm, chosen.sel(seed=seed).dropna("step", subset=["train_accuracy"]), y.quantity)
            upper.set_title(panel.title, fontsize=9)
            for name, points in panel.published.items():
                x_y = zip(*points, strict=True)
                upper.plot(*x_y, "o", mfc="white", mec=COLORS[name], ms=4, zorder=5, clip_on=False)
            norm.set_xlabel("optimizer step")
        rows[0][0].set(xscale=steps, xlim=(1, None), yscale=y.scale, ylim=y.limits, ylabel=y.label)
        rows[1][0].set(ylim=(0, None), ylabel="weight norm")
        _legend(rows[0][0], published=any(panel.published for panel in panels))
        save_figure(figure, path)
    return path


def _curves(upper: Axes, norm: Axes, record: xr.Dataset, quantity: str) -> None:
    """Draw the curves of one seed from its second evaluation: a log axis cannot show step 0."""
    record = record.isel(step=slice(1, None))
    upper.plot(record["step"], record[f"train_{quantity}"], color=TRAIN, linewidth=1.1, alpha=0.8)
    upper.plot(record["step"], record[f"test_{quantity}"], color=TEST, linewidth=1.1, alpha=0.8, linestyle=TEST_STYLE)
    norm.plot(record["step"], record["weight_norm"], color=GRAY, linewidth=1.1)


def _legend(axes: Axes, *, published: bool) -> None:
    """Draw the legend, with published points if there are any."""
    handles = [Line2D([], [], color=TRAIN, label="train"), Line2D([], [], color=TEST, ls=TEST_STYLE, label="test")]
    if published:
        handles.append(Line2D([], [], marker="o", mfc="white", color=GRAY, ls="none", ms=4, label="published"))
    axes.legend(handles=handles, loc="best", labelcolor=[TRAIN, TEST, GRAY], frameon=False, handlelength=1.4)
