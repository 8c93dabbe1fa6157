"""What attention and neurons do at the end, as maps over all pairs (a, b) (Nanda et al. 2023, Figs. 3 and 5)."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import xarray as xr
from matplotlib.figure import Figure

from grok.reports.figure import RC, save
from grok.reports.style import NEUTRAL
from grok.science.neurons import EXPLAINED


class Maps:
    """Each head's attention to a, and the activations of a neuron for each frequency that explains one by more than
    .85 of its variance: a neuron below that works at no single frequency, and its map would show noise as one."""

    title = "Attention and neurons at the end"
    needs = ("attention_pattern", "neuron_map", "neuron_map_frequency", "neuron_map_share")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw a row of heads above a row of neurons."""
        attention, share = record["attention_pattern"].sel(position="a"), record["neuron_map_share"]
        maps = record["map"].values[share.values > EXPLAINED]
        columns = max(record.sizes["head"], len(maps), 2)
        with matplotlib.rc_context(RC):
            figure = Figure(figsize=(1.5 * columns, 3.7), layout="constrained")
            rows = figure.subplots(2, columns, squeeze=False)
            for axes in rows.flat:
                axes.set_axis_off()
            for axes, head in zip(rows[0], attention["head"].values, strict=False):
                axes.imshow(attention.sel(head=head), cmap="viridis", vmin=0, vmax=1, origin="lower")
                axes.set_title(f"head {head}: attention to a", fontsize=7)
            for axes, number in zip(rows[1], maps, strict=False):
                axes.imshow(record["neuron_map"].sel(map=number), cmap="magma_r", origin="lower")
                k, explained = (float(record[f"neuron_map_{of}"].sel(map=number)) for of in ("frequency", "share"))
                axes.set_title(f"a neuron of k = {k:.0f},\n{100 * explained:.0f} % explained", fontsize=7)
            for row in rows if len(maps) else rows[:1]:
                row[0].set_axis_on()
                row[0].set(xlabel="b", ylabel="a", xticks=[], yticks=[])
            if not len(maps):
                best = f"; the best by {100 * float(share.max()):.0f} %" if share.notnull().any() else ""
                told = f"no neuron is explained by a frequency by more than {100 * EXPLAINED:.0f} %{best}"
                figure.text(0.5, 0.25, told, ha="center", va="center", fontsize=8, color=NEUTRAL)
            save(figure, path, vector=False)
        return path
