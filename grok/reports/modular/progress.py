"""Progress measures over training: the circuit forms before the test loss falls (Nanda et al. 2023, Fig. 7)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, PALETTE, RC, TEST, TEST_STYLE, TRAIN, save_figure, set_log_ticks
from grok.science.modular.circuit_phases import CIRCUIT_PHASES, CircuitPhases

COLORS = {"restricted_loss": PALETTE[2], "excluded_loss": PALETTE[3], "trigonometric_loss": PALETTE[5]}
# Label and color of each distance.
DISTANCES = {
    "distance_to_end": ("all weights, to their final values", GRAY),
    "embedding_distance": ("W_E, to its key frequencies", PALETTE[2]),
    "unembedding_distance": ("W_U, to its key frequencies", PALETTE[4]),
}


def phase_ends(record: xr.Dataset) -> CircuitPhases:
    """The ends of the three phases of a record."""
    return CircuitPhases(*(int(end) if np.isfinite(end) else None for end in record["phase_ends"].values))


class ProgressMeasures(Plot):
    """Four panels: losses, progress measures, the sum of squared weights, and distances in parameter space.

    Distances are to the final weights and to the key frequencies. The names of the phases are above the panels.
    """

    title = "Progress measures"
    needs = (*COLORS, "sum_of_squared_weights", "phase_ends", "embedding_distance", "unembedding_distance")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the four panels on one log axis of steps."""
        shown = record.isel(step=record["step"].values > 0)
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(6.4, 8.2), layout="constrained")
            panels = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 1.7, 2.3))
            losses, measures, weights, distances = panels
            _line(losses, shown, "train_loss", "train", TRAIN)
            _line(losses, shown, "test_loss", "test", TEST, dashed=True)
            for name, color in COLORS.items():
                _line(measures, shown, name, str(shown[name].attrs["long_name"]), color)
            _line(weights, shown, "sum_of_squared_weights", "Σ w²", GRAY)
            losses.set(yscale="log", ylabel="loss (nats)")
            measures.set(yscale="log", ylabel="loss (nats),\nfinal key frequencies")
            for axes in (losses, measures):
                set_log_ticks(axes.yaxis)
            weights.set(ylim=(0, None), ylabel="Σ w²")
            for name, (label, color) in DISTANCES.items():
                if name in record:  # distance_to_end comes from a separate measure
                    _line(distances, shown, name, label, color)
            distances.set(ylim=(0, None), ylabel="distance in\nparameter space", xlabel="optimizer step")
            distances.set(xscale="log", xlim=(1, max(2, int(record["step"][-1]))))
            _label_phases(panels, phase_ends(record))
            save_figure(figure, path, vector=False)
        return path


def _line(axes: Axes, record: xr.Dataset, name: str, label: str, color: str, *, dashed: bool = False) -> None:
    """Plot a quantity over steps."""
    values = record[name].values
    axes.plot(record["step"], values, color=color, linewidth=1.4, linestyle=TEST_STYLE if dashed else "-", label=label)


def _label_phases(panels: Sequence[Axes], ends: CircuitPhases) -> None:
    """Draw lines at the ends of the phases, the names of the phases, and the legends of panels with several curves."""
    start = 1.0
    for index, (name, end) in enumerate(zip(CIRCUIT_PHASES, ends, strict=True)):
        if end is None:
            break
        for axes in panels:
            axes.axvline(end, color=GRAY, linewidth=0.7, linestyle=":")
        middle = np.sqrt(start * end)
        panels[0].annotate(
            name,
            (middle, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3 + 11 * (index % 2)),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=GRAY,
        )
        start = float(end)
    for axes in panels[:2]:
        axes.legend(frameon=False, fontsize=8, loc="lower left")
    panels[-1].legend(frameon=False, fontsize=8, loc="center left")
