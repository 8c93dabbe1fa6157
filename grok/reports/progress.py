"""The circuit forming before the test loss shows it (Nanda et al. 2023, Fig. 7): losses, progress measures, weights,
and how far these are from where they will be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.figure import RC, save
from grok.reports.style import DASHED, LINES, NEUTRAL, TEST, TRAIN
from grok.science.circuit_phases import PHASES, CircuitPhases

COLOURS = {"restricted_loss": LINES[2], "excluded_loss": LINES[3], "trigonometric_loss": LINES[5]}
DISTANCES = {  # each by what it is called here
    "distance_to_end": ("all weights to the end", NEUTRAL),
    "embedding_off_keys": ("W_E to its key frequencies", LINES[2]),
    "unembedding_off_keys": ("W_U to its key frequencies", LINES[4]),
}


def phases(record: xr.Dataset) -> CircuitPhases:
    """The ends of the three phases of a record."""
    return CircuitPhases(*(int(end) if np.isfinite(end) else None for end in record["phase_ends"].values))


class ProgressMeasures:
    """Train and test loss, under them the progress measures, under those what the weights do: their sum of squares, and
    their distances, in parameter space, to where they end and to their key frequencies; phases named above."""

    title = "Progress measures"
    needs = (*COLOURS, "sum_of_squared_weights", "phase_ends", "embedding_off_keys", "unembedding_off_keys")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the four panels on one log axis of steps."""
        shown = record.isel(step=record["step"].values > 0)
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(6.4, 8.2), layout="constrained")
            panels = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 1.7, 2.3))
            losses, measures, weights, distances = panels
            _line(losses, shown, "train_loss", "train", TRAIN)
            _line(losses, shown, "test_loss", "test", TEST, dashed=True)
            for name, colour in COLOURS.items():
                _line(measures, shown, name, str(shown[name].attrs["long_name"]), colour)
            _line(weights, shown, "sum_of_squared_weights", "Σ w²", NEUTRAL)
            for axes, label in (
                (losses, "loss (nats)"),
                (measures, "loss (nats),\nby the key frequencies of the end"),
            ):
                axes.set(yscale="log", ylabel=label)
            weights.set(ylim=(0, None), ylabel="Σ w²")
            for name, (label, colour) in DISTANCES.items():
                if name in record:  # the distance to the end is a measure of its own
                    _line(distances, shown, name, label, colour)
            distances.set(ylim=(0, None), ylabel="distance in\nparameter space", xlabel="optimiser step")
            distances.set(xscale="log", xlim=(1, max(2, int(record["step"][-1]))))
            _name_phases(panels, phases(record))
            save(figure, path, vector=False)
        return path


def _line(axes: Axes, record: xr.Dataset, name: str, label: str, colour: str, *, dashed: bool = False) -> None:
    """A curve with its name."""
    values = record[name].values
    axes.plot(record["step"], values, color=colour, linewidth=1.4, linestyle=DASHED if dashed else "-", label=label)


def _name_phases(panels: Sequence[Axes], ends: CircuitPhases) -> None:
    """Thin lines at the ends of the phases, and their names between them; a key to each panel of several curves."""
    start = 1.0
    for number, (name, end) in enumerate(zip(PHASES, ends, strict=True)):
        if end is None:
            break
        for axes in panels:
            axes.axvline(end, color=NEUTRAL, linewidth=0.7, linestyle=":")
        middle = np.sqrt(start * end)
        panels[0].annotate(
            name,
            (middle, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3 + 11 * (number % 2)),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=NEUTRAL,
        )
        start = float(end)
    for axes in panels[:2]:
        axes.legend(frameon=False, fontsize=8, loc="lower left")
    panels[-1].legend(frameon=False, fontsize=8, loc="center left")
