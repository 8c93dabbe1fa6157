"""The attention heads of a run: their scores over steps beside the loss, and what two of them look at in the end."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from grok.reports.language.step_curves import LEGEND, end_labels, level_line
from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, PALETTE, RC, TEST, TEST_STYLE, TRAIN, save_figure, set_log_ticks

SCORES = {"prefix_matching": ("prefix matching", PALETTE[2]), "previous_token": ("previous token", PALETTE[3])}
PREDICTOR_COLORS = {"uniform": GRAY, "unigram": PALETTE[4], "bigram": PALETTE[0]}
WHITE_TO_BLUE = LinearSegmentedColormap.from_list("", ["white", TRAIN, "#00263a"])


class AttentionHeads(Plot):
    """Left, over steps: loss, KL to predictors if it is recorded, scores of all heads, distance from the start.

    Right: the attention of the best head of each kind, with its final score, on random tokens that occur twice.
    """

    title = "Attention heads"
    needs = ("test_loss", *SCORES, "repeated_attention")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the curves and the two maps."""
        panels = [_losses, *([_divergences] if "kl_to_bigram" in record else []), _scores]
        panels += [_distance] if "distance_to_start" in record else []
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(7.6, 1.45 * len(panels) + 0.5), layout="constrained")
            left, right = figure.subfigures(1, 2, width_ratios=(1.9, 1))
            rows = left.subplots(len(panels), 1, sharex=True)
            for draw_panel, axes in zip(panels, rows, strict=True):
                draw_panel(axes, record)
            rows[-1].set(xlabel="optimizer step", xlim=(0, int(record["step"][-1])))
            for axes, name in zip(right.subplots(2, 1, sharex=True), reversed(SCORES), strict=True):
                _map(axes, record, name)
            save_figure(figure, path, vector=False)
        return path


def _losses(axes: Axes, record: xr.Dataset) -> None:
    """Train and test loss, and the losses of guessing and of the predictors by counts."""
    axes.plot(record["step"], record["train_loss"], color=TRAIN, lw=1.4, label="train")
    axes.plot(record["step"], record["test_loss"], color=TEST, lw=1.4, ls=TEST_STYLE, label="test")
    levels = {"guessing": log(json.loads(record.attrs["config"])["task"]["n_tokens"])}
    if "bigram_loss" in record:
        levels = {name: float(record[f"{name}_loss"]) for name in PREDICTOR_COLORS}
    for name, height in levels.items():
        level_line(axes, name, height)
    axes.set(ylabel="loss (nats)")
    axes.margins(y=0.08)
    axes.legend(**LEGEND)


def _divergences(axes: Axes, record: xr.Dataset) -> None:
    """The KL divergence from each predictor."""
    for name, color in PREDICTOR_COLORS.items():
        axes.plot(record["step"], record[f"kl_to_{name}"], color=color, lw=1.4)
    axes.set(ylabel="KL to predictor (nats)", yscale="log")
    set_log_ticks(axes.yaxis)
    end_labels(axes, {name: (float(record[f"kl_to_{name}"][-1]), color) for name, color in PREDICTOR_COLORS.items()})


def _scores(axes: Axes, record: xr.Dataset) -> None:
    """Both scores of all heads, those of the best heads with thick lines."""
    labels = {}
    for name, (label, color) in SCORES.items():
        best, curves = _best_head(record, name), record[name].stack(each=("block", "head"))
        for head in curves["each"].values:
            axes.plot(record["step"], curves.sel(each=head), color=color, lw=1.8 if head == best else 0.6)
        labels[f"{label},\nhead {_name(best)}"] = (float(curves.sel(each=best)[-1]), color)
    axes.set(ylabel="attention score", ylim=(0, 1))
    end_labels(axes, labels)


def _distance(axes: Axes, record: xr.Dataset) -> None:
    """The distance of all weights from the initial ones."""
    axes.plot(record["step"], record["distance_to_start"], color=GRAY, lw=1.4)
    axes.set(ylabel="distance from\nthe start", ylim=(0, None))


def _map(axes: Axes, record: xr.Dataset, name: str) -> None:
    """The attention of the best head of one kind from each position to each position."""
    block, head = _best_head(record, name)
    pattern = record["repeated_attention"].sel(block=block, head=head).astype(float).values
    axes.imshow(pattern, cmap=WHITE_TO_BLUE, norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    axes.axhline(len(pattern) / 2 - 0.5, color=GRAY, lw=0.8, ls=":")
    axes.axvline(len(pattern) / 2 - 0.5, color=GRAY, lw=0.8, ls=":")
    score = float(record[name].sel(block=block, head=head)[-1])
    axes.set_title(f"head {_name((block, head))}: {SCORES[name][0]} {score:.2f}", fontsize=9)
    axes.set(xlabel="position attended to" if name == "prefix_matching" else None, ylabel="query")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(3, integer=True))


def _best_head(record: xr.Dataset, name: str) -> tuple[int, int]:
    """Block and head with the largest final score."""
    final = record[name].isel(step=-1).transpose("block", "head")
    block, head = np.unravel_index(np.argmax(np.nan_to_num(final.values)), final.shape)
    return int(final["block"][block]), int(final["head"][head])


def _name(head: tuple[int, int]) -> str:
    """The name of a head, such as 2.3: the third head of the second block."""
    return f"{head[0]}.{head[1]}"
