"""How the circuit gathers at a few frequencies: their shares of the embedding and what each adds to the logits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.figure import RC, save
from grok.reports.style import LINES, NEUTRAL

STRONG = 0.5  # of |α_k|: from its trough to its crest the cosine then moves a logit by one nat
LEAST = 0.01  # of |α_k| that is drawn
MOST_NAMED = 8  # frequencies that are lost, the strongest


class Spectrum:
    """The share of W_E's variance at each frequency over log steps. Under it |α_k|, the amplitude of cos w_k(a + b − c)
    in the logits: of the key frequencies of the end, coloured and named, and in grey of the others that were once above
    a half; the rest never were."""

    title = "Fourier spectrum of the embedding, and which frequencies survive"
    needs = ("embedding_power", "key_frequency", "trigonometric_coefficient")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the map, and the curves under it."""
        shown = record.isel(step=record["step"].values > 0)
        keys = {k: LINES[number % len(LINES)] for number, k in enumerate(key_frequencies(record))}
        amplitude = abs(shown["trigonometric_coefficient"])
        with matplotlib.rc_context(RC):
            figure = Figure(figsize=(6.4, 6.0), layout="constrained")
            above, below = figure.subplots(2, 1, sharex=True)
            _shares(above, shown["embedding_power"].transpose("frequency", "step"), keys)
            _amplitudes(below, amplitude.where(np.isfinite(amplitude)), keys)
            save(figure, path, vector=False)
        return path


def _shares(axes: Axes, power: xr.DataArray, keys: dict[int, str]) -> None:
    """The map of the shares, with the key frequencies beside it."""
    steps, n = power["step"].values.astype(float), power.sizes["frequency"]
    edges = np.concatenate([steps[:1], np.sqrt(steps[1:] * steps[:-1]), steps[-1:]])
    mesh = axes.pcolormesh(edges, np.arange(n + 1) + 0.5, power.values, cmap="magma_r", vmin=0)
    axes.set(ylabel="frequency k")
    axes.figure.colorbar(mesh, ax=axes, label="share of W_E's variance", pad=0.09)
    for k, height in zip(keys, _apart([*keys], gap=n / 20), strict=True):
        _name(axes, k, height, keys[k])


def _amplitudes(axes: Axes, amplitude: xr.DataArray, keys: dict[int, str]) -> None:
    """The curves of |α_k|, the key frequencies' with their names at their ends, and above which are the grey ones."""
    highest = amplitude.max("step").drop_sel(frequency=[*keys])
    lost = highest[highest.values > STRONG].sortby(highest, ascending=False)["frequency"].values.tolist()
    for k in (*lost, *keys):
        colour, width = (keys[k], 1.5) if k in keys else (NEUTRAL, 0.9)
        axes.plot(amplitude["step"], amplitude.sel(frequency=k), color=colour, linewidth=width)
    axes.axhline(STRONG, color=NEUTRAL, linewidth=0.7, linestyle=":")
    top = max(1.0, 2 * float(amplitude.max()))
    axes.set(xscale="log", xlabel="optimiser step")
    axes.set(yscale="log", ylim=(LEAST, top), ylabel=r"$|\alpha_k|$ in the logits (nats)")
    if lost:
        named = ", ".join(map(str, sorted(lost[:MOST_NAMED]))) + (" …" if len(lost) > MOST_NAMED else "")
        told = f"grey: k = {named}, once above {STRONG} and not key at the end"
        axes.set_title(told, fontsize=8, color=NEUTRAL, loc="right")
    ends = amplitude.isel(step=-1).sel(frequency=[*keys]).clip(min=LEAST)
    ends = ends.sortby(ends)
    heights = _apart(np.log10(ends.values).tolist(), gap=np.log10(top / LEAST) / 20)
    for k, height in zip(ends["frequency"].values.tolist(), heights, strict=True):
        _name(axes, k, 10**height, keys[k])


def _name(axes: Axes, k: int, height: float, colour: str) -> None:
    """A frequency beside the axes, at a height on theirs."""
    beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8, "color": colour}
    axes.annotate(str(k), (1.01, height), annotation_clip=False, **beside).set_in_layout(False)


def _apart(heights: Sequence[float], *, gap: float) -> Iterator[float]:
    """Heights, from the lowest, each raised to a gap above the one below."""
    height = -np.inf
    for each in heights:
        height = max(each, height + gap)
        yield height


def key_frequencies(record: xr.Dataset) -> list[int]:
    """The key frequencies at the last look."""
    last = record["key_frequency"].isel(step=-1)
    return [int(k) for k in last["frequency"].values[last.values > 0]]
