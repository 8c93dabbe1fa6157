"""Rings of the embedding over training: the residues in the plane of each key frequency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from grok.reports.modular.progress import phase_ends
from grok.reports.modular.spectrum import final_key_frequencies
from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, RC, save_figure
from grok.reports.template import fill_template, script_json
from grok.science.modular import rings

MAX_RINGS = 6  # key frequencies in the gallery, the strongest
MAX_FRAMES = 60  # evaluation steps of the slider
N_LABELED = 12  # labeled residues of a ring, evenly spaced
NO_RING = "no key frequency at the end"  # for example, if the weights are not finite


class RingGallery(Plot):
    """One ring per final key frequency; the color of a residue is its position in the ring."""

    title = "Rings of the embedding"
    needs = ("ring", "ring_circularity", "key_frequency", "embedding_power", "phase_ends")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw a row of rings for each of up to four steps."""
        frequencies, moments = strongest_key_frequencies(record), _moments(record)
        with matplotlib.rc_context(RC | {"axes.spines.left": False, "axes.spines.right": False}):
            size = (1.75 * max(len(frequencies), 2) + 1.0, 1.9 * len(moments))
            figure = Figure(figsize=size, layout="constrained")
            if frequencies:
                _rows(figure, record, frequencies, moments)
            else:
                figure.text(0.5, 0.5, NO_RING, ha="center", va="center")
            save_figure(figure, path, vector=False)
        return path

    def section(self, record: xr.Dataset) -> str:
        """The rings with a slider over evaluation steps; those with values that are not finite are left out."""
        frequencies, n_residues = strongest_key_frequencies(record), record.sizes["residue"]
        ring = record["ring"].sel(frequency=frequencies).transpose("step", "frequency", "residue", "axis")
        circularity = record["ring_circularity"].sel(frequency=frequencies).transpose("step", ...)
        finite = np.flatnonzero(np.isfinite(ring.values).all((1, 2, 3)))
        if not frequencies or not finite.size:
            return f"<p>{NO_RING}</p>"
        frames = finite[np.unique(np.linspace(0, finite.size - 1, min(finite.size, MAX_FRAMES)).round().astype(int))]
        content: dict[str, Any] = {
            "frequencies": frequencies,
            "steps": record["step"].values[frames].tolist(),
            "n_residues": n_residues,
            "positions": np.round(ring.isel(step=frames).values.astype(float), 3).tolist(),
            "circularity": np.round(circularity.isel(step=frames).values, 3).tolist(),
            "labeled": [[*_labeled_residues(n_residues, k)] for k in frequencies],
            "colors": [to_hex(color) for color in _residue_colors(np.arange(n_residues), 1)],
        }
        return fill_template("modular/ring_gallery", content=script_json(content))


def strongest_key_frequencies(record: xr.Dataset) -> list[int]:
    """The final key frequencies with the largest power in the embedding, in ascending order."""
    keys = final_key_frequencies(record)
    power = record["embedding_power"].isel(step=-1).sel(frequency=keys)
    return sorted(np.array(keys)[np.argsort(-power.values, kind="stable")][:MAX_RINGS].tolist())


def _moments(record: xr.Dataset) -> list[tuple[str, int]]:
    """Names and evaluation steps of the rows: start, end of memorization, middle of circuit formation, end.

    A record with one evaluation, as of pretrained weights, has one row without a name.
    """
    if record.sizes["step"] == 1:
        return [("", int(record["step"][0]))]
    ends, steps = phase_ends(record), record["step"].values
    moments = [("start", 0)]
    if ends.memorization_ends is not None:
        moments.append(("memorized", ends.memorization_ends))
        if ends.formation_ends is not None:
            moments.append(("forming", (ends.memorization_ends + ends.formation_ends) // 2))
    moments.append(("end", int(steps[-1])))
    return [(name, int(steps[np.abs(steps - step).argmin()])) for name, step in moments]


def _rows(figure: Figure, record: xr.Dataset, frequencies: Sequence[int], moments: Sequence[tuple[str, int]]) -> None:
    """Draw a row for each step, and a ring for each frequency."""
    rows = figure.subplots(len(moments), len(frequencies), squeeze=False)
    for row, (name, step) in zip(rows, moments, strict=True):
        snapshot = record.sel(step=step)
        for axes, k in zip(row, frequencies, strict=True):
            _ring(axes, snapshot["ring"].sel(frequency=k).values.astype(float), k)
            axes.set_title(f"k = {k}, {float(snapshot['ring_circularity'].sel(frequency=k)):.2f}", fontsize=8)
        if name:
            row[0].set_ylabel(f"{name}\nstep {step:,}", fontsize=8)


def _ring(axes: Axes, positions: np.ndarray, k: int) -> None:
    """Draw the residues at their positions if these are finite; their order in the ring is t · k⁻¹."""
    axes.set(xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    if not np.isfinite(positions).all():
        return
    p = len(positions)
    axes.scatter(*positions.T, c=_residue_colors(np.arange(p), k), s=7, linewidths=0.2, edgecolors=GRAY)
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 5.5}
    for residue in _labeled_residues(p, k):
        outwards = 6 * positions[residue] / max(float(np.hypot(*positions[residue])), 1e-12)
        axes.annotate(str(residue), positions[residue], xytext=outwards, **style)
    limit = 1.2 * max(float(np.abs(positions).max()), 1e-6)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")


def _residue_colors(residues: np.ndarray, k: int) -> np.ndarray:
    """The color of each residue by its position in the ring of frequency k."""
    return colormaps["twilight"](residues * k % len(residues) / len(residues))


def _labeled_residues(p: int, k: int) -> Sequence[int]:
    """Residues that are evenly spaced in the ring of frequency k."""
    in_order: list[int] = rings.ring_order(p)[k - 1].tolist()
    return in_order[:: max(1, p // N_LABELED)]
