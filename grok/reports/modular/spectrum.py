"""Fourier spectra over training: each frequency's share of the embedding, and its amplitude in the logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, PALETTE, RC, save_figure, spread_heights

STRONG_AMPLITUDE = 0.5  # |α_k|: from trough to crest, the cosine then moves a logit by one nat
MIN_AMPLITUDE = 0.01  # smallest |α_k| on the axis
MAX_LABELED = 8  # lost frequencies in the caption, the strongest


class Spectrum(Plot):
    """Shares of W_E's variance by frequency over log steps; below it, the amplitudes |α_k| of cos w_k(a + b − c).

    The amplitudes are those in the logits. The final key frequencies are colored and labeled. Other frequencies that
    were once above 0.5 are gray. The remaining frequencies are not drawn.
    """

    title = "Fourier spectrum of the embedding, and which frequencies survive"
    needs = ("embedding_power", "key_frequency", "trigonometric_coefficient")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the map above the curves."""
        shown = record.isel(step=record["step"].values > 0)
        key_colors = {k: PALETTE[index % len(PALETTE)] for index, k in enumerate(final_key_frequencies(record))}
        amplitude = abs(shown["trigonometric_coefficient"])
        with matplotlib.rc_context(RC):
            figure = Figure(figsize=(6.4, 6.0), layout="constrained")
            above, below = figure.subplots(2, 1, sharex=True)
            _shares(above, shown["embedding_power"].transpose("frequency", "step"), key_colors)
            _amplitudes(below, amplitude.where(np.isfinite(amplitude)), key_colors)
            save_figure(figure, path, vector=False)
        return path


def _shares(axes: Axes, power: xr.DataArray, key_colors: dict[int, str]) -> None:
    """Draw the map of the shares, with labels of the key frequencies."""
    steps, n = power["step"].values.astype(float), power.sizes["frequency"]
    edges = np.concatenate([steps[:1], np.sqrt(steps[1:] * steps[:-1]), steps[-1:]])
    mesh = axes.pcolormesh(edges, np.arange(n + 1) + 0.5, power.values, cmap="magma_r", vmin=0)
    axes.set(ylabel="frequency k")
    axes.figure.colorbar(mesh, ax=axes, label="share of W_E's variance", pad=0.09)
    for k, height in zip(key_colors, spread_heights([*key_colors], gap=n / 20), strict=True):
        _label_frequency(axes, k, height, key_colors[k])


def _amplitudes(axes: Axes, amplitude: xr.DataArray, key_colors: dict[int, str]) -> None:
    """Draw |α_k| of the key frequencies, labeled at the right, and of the lost ones in gray, named in the caption."""
    highest = amplitude.max("step").drop_sel(frequency=[*key_colors])
    lost = highest[highest.values > STRONG_AMPLITUDE].sortby(highest, ascending=False)["frequency"].values.tolist()
    for k in (*lost, *key_colors):
        color, width = (key_colors[k], 1.5) if k in key_colors else (GRAY, 0.9)
        axes.plot(amplitude["step"], amplitude.sel(frequency=k), color=color, linewidth=width)
    axes.axhline(STRONG_AMPLITUDE, color=GRAY, linewidth=0.7, linestyle=":")
    top = max(1.0, 2 * float(amplitude.max()))
    axes.set(xscale="log", xlabel="optimizer step")
    axes.set(yscale="log", ylim=(MIN_AMPLITUDE, top), ylabel=r"$|\alpha_k|$ in the logits (nats)")
    if lost:
        names = ", ".join(map(str, sorted(lost[:MAX_LABELED]))) + (" …" if len(lost) > MAX_LABELED else "")
        caption = f"gray: k = {names}, once above {STRONG_AMPLITUDE} and not key at the end"
        axes.set_title(caption, fontsize=8, color=GRAY, loc="right")
    final = amplitude.isel(step=-1).sel(frequency=[*key_colors]).clip(min=MIN_AMPLITUDE)
    final = final.sortby(final)
    heights = spread_heights(np.log10(final.values).tolist(), gap=np.log10(top / MIN_AMPLITUDE) / 20)
    for k, height in zip(final["frequency"].values.tolist(), heights, strict=True):
        _label_frequency(axes, k, 10**height, key_colors[k])


def _label_frequency(axes: Axes, k: int, height: float, color: str) -> None:
    """Label a frequency to the right of the axes, at a height in data units."""
    style: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8, "color": color}
    axes.annotate(str(k), (1.01, height), annotation_clip=False, **style).set_in_layout(False)


def final_key_frequencies(record: xr.Dataset) -> list[int]:
    """The key frequencies at the last evaluation."""
    last = record["key_frequency"].isel(step=-1)
    return [int(k) for k in last["frequency"].values[last.values > 0]]
