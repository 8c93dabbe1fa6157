"""Mean losses of classes of tokens over steps: each class falls at its own time, the mean smoothly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.language.step_curves import end_labels
from grok.reports.run.plots import Plot
from grok.reports.style import PALETTE, RC, save_figure
from grok.science.language.token_classes import OTHER
from grok.science.language.token_learning import halfway_points

STYLES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))  # after the colors are used up
LINE_MARKS = dict(zip(STYLES, ("—", "- -", "···"), strict=True))  # before the name of a class

FIRST_FRACTION = 1000  # of the last step, at which the step axis begins; losses hardly change before


class TokenClasses(Plot):
    """The mean test loss of each class of tokens of a run over steps, with that of all tokens."""

    title = "Losses by class of token"
    needs = ("class_loss",)

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the curves, labeled at their ends."""
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(7.2, 4.4), layout="constrained")
            class_losses(figure.add_subplot(), record)
            save_figure(figure, path, vector=False)
        return path


def class_losses(axes: Axes, record: xr.Dataset) -> None:
    """The loss of each class in nats over steps on a log axis, in the order in which the classes fall."""
    later = record.sel(step=record["step"] >= first_shown(record)).dropna("step", subset=["test_loss"])
    shares, labels = later["class_share"].isel(step=0), {}
    for name, style in class_styles(learning_order(later)).items():
        curve = later["class_loss"].sel({"class": name})
        axes.plot(later["step"], curve, lw=1.3, **style)
        share = _percent(float(shares.sel({"class": name})))
        labels[f"{LINE_MARKS[style['ls']]} {name} ({share})"] = (float(curve[-1]), style["color"])
    axes.plot(later["step"], later["test_loss"], color="black", lw=2.4)
    labels["mean of all tokens"] = (float(later["test_loss"][-1]), "black")
    axes.set(xscale="log", xlabel="optimizer step", ylabel="test loss (nats per token)", ylim=(0, None))
    axes.set_xlim(int(later["step"][0]), int(later["step"][-1]))
    end_labels(axes, labels, line_height=0.042)


def first_shown(record: xr.Dataset) -> float:
    """The step at which an axis of steps begins."""
    return max(1, int(record["step"][-1]) / FIRST_FRACTION)


def class_styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The color and line style of each class."""
    return {
        name: {"color": PALETTE[number % len(PALETTE)], "ls": STYLES[number // len(PALETTE) % len(STYLES)]}
        for number, name in enumerate(names)
    }


def learning_order(record: xr.Dataset) -> list[str]:
    """The classes with tokens, without all others, in the order in which their losses fall halfway."""
    losses, unigram = (record[name].transpose("step", "class") for name in ("class_loss", "class_unigram_loss"))
    when = halfway_points(record["step"].values, losses.values, unigram.values)
    names = losses["class"].values
    return [str(names[index]) for index in np.argsort(when) if not np.isnan(when[index]) and names[index] != OTHER]


def _percent(share: float) -> str:
    """A share in percent with about two digits."""
    return f"{100 * share:.{0 if share >= 0.1 else 1 if share >= 0.01 else 2}f} %"
