"""Several runs in one figure: `python -m grok.reports.panels results/omnigrok_mnist` draws a panel for each setting.

The folder's `claims.yaml` names the panels, the runs in each (one a seed), and the published points drawn beside them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.records.load import load
from grok.reports.figure import RC, save
from grok.reports.style import NEUTRAL, TEST, TRAIN


def draw(folder: Path) -> Path:
    """Draw the panels that the folder's `claims.yaml` names, as `figure.png` and `figure.pdf` in the folder."""
    panels = yaml.safe_load((folder / "claims.yaml").read_text(encoding="utf-8"))["panels"]
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(2.8 * len(panels), 3.4), layout="constrained")
        rows = figure.subplots(2, len(panels), sharex=True, sharey="row", height_ratios=(3, 1.3), squeeze=False)
        for column, panel in enumerate(panels):
            accuracy, norm = rows[0][column], rows[1][column]
            for path in sorted(folder.glob(panel["runs"])):
                _curves(accuracy, norm, path)
            accuracy.set_title(panel["title"], fontsize=9)
            for level, steps in ((TEST, panel.get("published_test")), (TRAIN, panel.get("published_train"))):
                if steps:
                    accuracy.plot(*zip(*steps, strict=True), "o", mfc="white", mec=level, ms=4, zorder=5)
            norm.set_xlabel("optimiser step")
        rows[0][0].set(xscale="log", ylim=(0, 1.05), xlim=(1, None), ylabel="accuracy")
        rows[1][0].set(ylim=(0, None), ylabel="weight norm")
        rows[0][0].annotate("train", (0.04, 0.93), xycoords="axes fraction", color=TRAIN)
        rows[0][0].annotate("test (dashed)", (0.04, 0.86), xycoords="axes fraction", color=TEST)
        rows[0][0].annotate("○ published", (0.04, 0.79), xycoords="axes fraction", color=NEUTRAL)
        save(figure, folder / "figure.png")
    return folder / "figure.png"


def _curves(accuracy: Axes, norm: Axes, path: Path) -> None:
    """The curves of one run; step 0 is off a log axis."""
    record = load(path).isel(step=slice(1, None))
    accuracy.plot(record["step"], record["train_accuracy"], color=TRAIN, linewidth=1.1, alpha=0.8)
    accuracy.plot(
        record["step"], record["test_accuracy"], color=TEST, linewidth=1.1, alpha=0.8, linestyle=(0, (4, 1.5))
    )
    norm.plot(record["step"], record["weight_norm"], color=NEUTRAL, linewidth=1.1)


if __name__ == "__main__":
    print(draw(Path(sys.argv[1])))
