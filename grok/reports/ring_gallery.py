"""The rings: residues on the plane of each key frequency, at four moments of training and, on the page, at any look."""

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

from grok.reports.figure import RC, save
from grok.reports.progress import phases
from grok.reports.spectrum import key_frequencies
from grok.reports.style import NEUTRAL
from grok.reports.template import filled, script_json
from grok.science import rings

MOST_RINGS = 6  # key frequencies that are drawn, the strongest
MOST_FRAMES = 60  # looks that the slider has
LABELLED = 12  # residues of a ring that are named, evenly round it
NO_RING = "no key frequency at the end"  # as where the weights are no longer finite


class RingGallery:
    """One circle a key frequency (of the end), residues coloured round the ring and named."""

    title = "Rings of the embedding"
    needs = ("ring", "ring_circularity", "key_frequency", "embedding_power", "phase_ends")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw a row of rings for each of four moments."""
        frequencies, moments = strongest(record), _moments(record)
        with matplotlib.rc_context(RC | {"axes.spines.left": False, "axes.spines.right": False}):
            size = (1.75 * max(len(frequencies), 2) + 1.0, 1.9 * len(moments))
            figure = Figure(figsize=size, layout="constrained")
            if frequencies:
                _rows(figure, record, frequencies, moments)
            else:
                figure.text(0.5, 0.5, NO_RING, ha="center", va="center")
            save(figure, path, vector=False)
        return path

    def section(self, record: xr.Dataset) -> str:
        """The rings with a slider over the looks."""
        frequencies = strongest(record)
        steps = record["step"].values
        placed = record["ring"].sel(frequency=frequencies)
        finite = np.flatnonzero(np.isfinite(placed.transpose("step", ...).values).all((1, 2, 3)))
        if not frequencies or not finite.size:
            return f"<p>{NO_RING}</p>"
        looks = finite[np.unique(np.linspace(0, finite.size - 1, min(finite.size, MOST_FRAMES)).round().astype(int))]
        places = placed.isel(step=looks)
        content: dict[str, Any] = {
            "frequencies": frequencies,
            "steps": steps[looks].tolist(),
            "residues": int(record.sizes["residue"]),
            "places": np.round(
                places.transpose("step", "frequency", "residue", "axis").values.astype(float), 3
            ).tolist(),
            "circularity": np.round(
                record["ring_circularity"].sel(frequency=frequencies).isel(step=looks).transpose("step", ...).values, 3
            ).tolist(),
            "named": [[*_named(record.sizes["residue"], k)] for k in frequencies],
            "colours": [to_hex(colour) for colour in _colours(np.arange(record.sizes["residue"]), 1)],
        }
        return filled("ring_gallery", content=script_json(content))


def strongest(record: xr.Dataset) -> list[int]:
    """The key frequencies of the end, the strongest of them in the embedding, in their order."""
    keys = key_frequencies(record)
    power = record["embedding_power"].isel(step=-1).sel(frequency=keys)
    return sorted(np.array(keys)[np.argsort(-power.values, kind="stable")][:MOST_RINGS].tolist())


def _moments(record: xr.Dataset) -> list[tuple[str, int]]:
    """The looks at the start, at the end of memorisation, half-way through circuit formation, and at the end; of a
    network that was looked at once, as one trained elsewhere, that look."""
    if record.sizes["step"] == 1:
        return [("", int(record["step"][0]))]
    ends, steps = phases(record), record["step"].values
    moments = [("start", 0)]
    if ends.memorization_ends is not None:
        moments.append(("memorised", ends.memorization_ends))
        if ends.formation_ends is not None:
            moments.append(("forming", (ends.memorization_ends + ends.formation_ends) // 2))
    moments.append(("end", int(steps[-1])))
    return [(name, int(steps[np.abs(steps - step).argmin()])) for name, step in moments]


def _rows(figure: Figure, record: xr.Dataset, frequencies: Sequence[int], moments: Sequence[tuple[str, int]]) -> None:
    """A row for each moment, a ring for each frequency."""
    rows = figure.subplots(len(moments), len(frequencies), squeeze=False)
    for row, (name, step) in zip(rows, moments, strict=True):
        now = record.sel(step=step)
        for axes, k in zip(row, frequencies, strict=True):
            _ring(axes, now["ring"].sel(frequency=k).values.astype(float), k)
            axes.set_title(f"k = {k}, {float(now['ring_circularity'].sel(frequency=k)):.2f}", fontsize=8)
        if name:
            row[0].set_ylabel(f"{name}\nstep {step:,}", fontsize=8)


def _ring(axes: Axes, places: np.ndarray, k: int) -> None:
    """The residues at their places, where these are finite; round the ring they come in the order t · k⁻¹."""
    axes.set(xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    if not np.isfinite(places).all():
        return
    p = len(places)
    axes.scatter(*places.T, c=_colours(np.arange(p), k), s=7, linewidths=0.2, edgecolors=NEUTRAL)
    for residue in _named(p, k):
        outwards = 6 * places[residue] / max(float(np.hypot(*places[residue])), 1e-12)
        beside: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 5.5}
        axes.annotate(str(residue), places[residue], xytext=outwards, **beside)
    reach = 1.2 * max(float(np.abs(places).max()), 1e-6)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


def _colours(residues: np.ndarray, k: int) -> np.ndarray:
    """A colour for each of all residues, by its place round the ring of frequency k."""
    return colormaps["twilight"](residues * k % len(residues) / len(residues))


def _named(p: int, k: int) -> Sequence[int]:
    """Residues spread evenly round the ring of frequency k."""
    around: list[int] = rings.order(p)[k - 1].tolist()
    return around[:: max(1, p // LABELLED)]
