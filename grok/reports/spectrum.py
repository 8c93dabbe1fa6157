"""How the embedding's variance gathers at a few frequencies: a heat map over training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from grok.reports.figure import RC, save


class Spectrum:
    """The share of W_E's variance at each frequency over log steps; the key frequencies of the end are named."""

    title = "Fourier spectrum of the embedding"
    needs = ("embedding_power", "key_frequency")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the map."""
        shown = record.isel(step=record["step"].values > 0)
        with matplotlib.rc_context(RC):
            figure = Figure(figsize=(6.4, 3.6), layout="constrained")
            axes = figure.subplots()
            power = shown["embedding_power"].transpose("frequency", "step").values
            steps = shown["step"].values.astype(float)
            edges = np.concatenate([steps[:1], np.sqrt(steps[1:] * steps[:-1]), steps[-1:]])
            frequencies = shown["frequency"].values
            mesh = axes.pcolormesh(edges, np.arange(len(frequencies) + 1) + 0.5, power, cmap="magma_r", vmin=0)
            axes.set(xscale="log", xlabel="optimiser step", ylabel="frequency k")
            figure.colorbar(mesh, ax=axes, label="share of W_E's variance", pad=0.09)
            for k, height in _apart(key_frequencies(record), gap=len(frequencies) / 18):
                beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8}
                axes.annotate(str(k), (1.01, height), **beside).set_in_layout(False)
            save(figure, path, vector=False)
        return path


def _apart(frequencies: Sequence[int], *, gap: float) -> Iterator[tuple[int, float]]:
    """Each frequency with a height at which its number is a gap above that of the one below."""
    height = -np.inf
    for k in frequencies:
        height = max(float(k), height + gap)
        yield k, height


def key_frequencies(record: xr.Dataset) -> list[int]:
    """The key frequencies at the last look."""
    last = record["key_frequency"].isel(step=-1)
    return [int(k) for k in last["frequency"].values[last.values > 0]]
