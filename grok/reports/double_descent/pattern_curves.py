"""The pattern-learning model in several settings: its curves as a Dataset, and their figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.style import GRAY, PALETTE, RC, TEST, TEST_STYLE, TRAIN, save_figure
from grok.science.double_descent.pattern_model import Pattern, accuracies


def curves(*, settings: Mapping[str, Sequence[Pattern]], n_steps: int) -> xr.Dataset:
    """Training and test accuracy by setting and step, and the share of examples for which each pattern is learned."""
    steps = np.arange(n_steps)
    found = [accuracies(patterns, steps) for patterns in settings.values()]
    learned = [[each.learned(steps) for each in patterns] for patterns in settings.values()]
    names = [each.name for each in next(iter(settings.values()))]
    return xr.Dataset(
        {
            "train_accuracy": (("setting", "step"), [each.train for each in found]),
            "test_accuracy": (("setting", "step"), [each.test for each in found]),
            "learned": (("setting", "pattern", "step"), learned),
        },
        {"setting": [*settings], "pattern": names, "step": steps},
    )


def draw(dataset: xr.Dataset, path: Path) -> Path:
    """Draw a column for each setting: the accuracies above, the patterns below."""
    dataset = dataset.isel(seed=0)
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(7.6, 4.6), layout="constrained")
        n_settings = dataset.sizes["setting"]
        rows = figure.subplots(2, n_settings, sharex=True, sharey=True, height_ratios=(1.4, 1), squeeze=False)
        for setting, above, below in zip(dataset["setting"].values, *rows, strict=True):
            chosen = dataset.sel(setting=setting)
            _accuracies(above, chosen)
            above.set_title(setting, fontsize=10)
            for color, pattern in zip(PALETTE[2:], chosen["pattern"].values, strict=False):
                below.plot(chosen["step"], chosen["learned"].sel(pattern=pattern), color=color, label=pattern)
            below.set_xlabel("step")
        rows[0][0].set(ylabel="accuracy", ylim=(-0.03, 1.05), xlim=(0, dataset.sizes["step"]))
        rows[1][0].set_ylabel("examples with the\npattern learned")
        rows[0][0].legend(loc="lower right", fontsize=8, frameon=False)
        rows[1][0].legend(loc="center right", fontsize=8, frameon=False, bbox_to_anchor=(1.0, 0.47))
        save_figure(figure, path)
    return path


def _accuracies(axes: Axes, dataset: xr.Dataset) -> None:
    """Draw both accuracies, with a dotted line at a test accuracy that is later not reached again."""
    steps, test = dataset["step"].values, dataset["test_accuracy"].values
    axes.plot(steps, dataset["train_accuracy"], color=TRAIN, label="train")
    axes.plot(steps, test, color=TEST, ls=TEST_STYLE, label="test")
    best = test.argmax()
    if best < test.size - 1:
        axes.plot([steps[best], steps[-1]], [test[best]] * 2, color=GRAY, lw=0.8, ls=":")
        above: Any = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right", "fontsize": 7.5, "color": GRAY}
        axes.annotate("best test accuracy", (steps[-1], test[best]), **above)
