"""A number of every cell of a grid as a heat map, the numbers in the cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from grok.records.sweep import read_off
from grok.reports.figure import RC, save
from grok.reports.style import NEUTRAL, TRAIN


def draw(
    dataset: xr.Dataset,
    path: Path,
    *,
    quantity: str,
    of_curve: Callable[..., float],
    x: str,
    y: str,
    labels: Mapping[str, str],
    names: Mapping[str, str],
    notes: Mapping[str, str],
) -> Path:
    """Draw what `of_curve` reads off a quantity from 0 to 1: the mean over seeds, in per cent, the best row on top.

    `names` are those of the ticks of `y` on paper, `notes` what is said of some of them beside the map.
    """
    found = read_off(dataset, quantity, of_curve).transpose(y, x, "seed").values
    done = dataset["finished"].transpose(y, x, "seed").values
    counts = done.sum(2)
    mean = np.where(done, found, 0).sum(2) / np.where(counts, counts, np.nan)
    order = np.argsort(-np.nan_to_num(mean).mean(1), kind="stable")
    ticks = dataset[y].values[order].tolist()
    no_spines = {f"axes.spines.{side}": False for side in ("left", "right", "bottom")}
    with matplotlib.rc_context(RC | no_spines):
        figure = Figure(figsize=(2.6 + 0.55 * len(mean[0]), 0.9 + 0.3 * len(mean)), layout="constrained")
        axes = figure.add_subplot()
        colours = LinearSegmentedColormap.from_list("", ["white", TRAIN])
        axes.imshow(mean[order], cmap=colours, vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(mean[order]):
            text = f"{100 * value:.0f}" if np.isfinite(value) else "–"
            colour = "white" if value > 0.6 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks(range(len(mean[0])), [f"{value:g}" for value in dataset[x].values])
        axes.set_yticks(range(len(ticks)), [names.get(tick, str(tick)) for tick in ticks])
        axes.tick_params(length=0)
        for row, tick in enumerate(ticks):
            beside: Any = {"xy": (1.02, row), "xycoords": ("axes fraction", "data"), "va": "center"}
            axes.annotate(notes.get(tick, ""), **beside, color=NEUTRAL, fontsize=8)
        axes.set(xlabel=labels["x"], title=labels["title"])
        axes.title.set_fontsize(9)
        save(figure, path)
    return path
