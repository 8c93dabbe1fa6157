"""Maps of attention and neurons over all pairs (a, b) at the end of training (Nanda et al. 2023, Figs. 3 and 5)."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import xarray as xr
from matplotlib.figure import Figure

from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, RC, save_figure
from grok.science.modular.neurons import EXPLAINED_THRESHOLD


class Maps(Plot):
    """Each head's attention to a, and the activations of one neuron per frequency.

    A neuron is shown if its frequency explains more than .85 of its variance. Below that share, a neuron has no single
    frequency, and its map would show noise as one.
    """

    title = "Attention and neurons at the end"
    needs = ("attention_pattern", "neuron_map", "neuron_map_frequency", "neuron_map_share")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw a row of heads above a row of neurons."""
        attention, share = record["attention_pattern"].sel(position="a"), record["neuron_map_share"]
        maps = record["map"].values[share.values > EXPLAINED_THRESHOLD]
        columns = max(record.sizes["head"], len(maps), 2)
        with matplotlib.rc_context(RC):
            figure = Figure(figsize=(1.5 * columns, 3.7), layout="constrained")
            rows = figure.subplots(2, columns, squeeze=False)
            for axes in rows.flat:
                axes.set_axis_off()
            for axes, head in zip(rows[0], attention["head"].values, strict=False):
                axes.imshow(attention.sel(head=head), cmap="viridis", vmin=0, vmax=1, origin="lower")
                axes.set_title(f"head {head}: attention to a", fontsize=7)
            for axes, index in zip(rows[1], maps, strict=False):
                axes.imshow(record["neuron_map"].sel(map=index), cmap="magma_r", origin="lower")
                k, explained = (float(record[f"neuron_map_{part}"].sel(map=index)) for part in ("frequency", "share"))
                axes.set_title(f"a neuron of k = {k:.0f},\n{100 * explained:.0f} % explained", fontsize=7)
            for row in rows if len(maps) else rows[:1]:
                row[0].set_axis_on()
                row[0].set(xlabel="b", ylabel="a", xticks=[], yticks=[])
            if not len(maps):
                figure.text(0.5, 0.25, _no_neuron_caption(share), ha="center", va="center", fontsize=8, color=GRAY)
            save_figure(figure, path, vector=False)
        return path


def _no_neuron_caption(share: xr.DataArray) -> str:
    """The threshold that no neuron reaches, and the largest share, if there is one."""
    largest = f" (largest: {100 * float(share.max()):.0f} %)" if share.notnull().any() else ""
    return f"no frequency explains more than {100 * EXPLAINED_THRESHOLD:.0f} %\nof a neuron's variance{largest}"
