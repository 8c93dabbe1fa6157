"""What attention and neurons do at the end, as maps over all pairs (a, b) (Nanda et al. 2023, Figs. 3 and 5)."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import xarray as xr
from matplotlib.figure import Figure

from grok.reports.figure import RC, save


class Maps:
    """Each head's attention to a, and the activations of a neuron for each of the best-explained frequencies."""

    title = "Attention and neurons at the end"
    needs = ("attention_pattern", "neuron_map", "neuron_map_frequency")

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw a row of heads above a row of neurons."""
        attention, neurons = record["attention_pattern"].sel(position="a"), record["neuron_map"]
        columns = max(record.sizes["head"], record.sizes["map"])
        with matplotlib.rc_context(RC):
            figure = Figure(figsize=(1.5 * columns, 3.6), layout="constrained")
            rows = figure.subplots(2, columns, squeeze=False)
            for axes in rows.flat:
                axes.set_axis_off()
            for axes, head in zip(rows[0], attention["head"].values, strict=False):
                axes.imshow(attention.sel(head=head), cmap="viridis", vmin=0, vmax=1, origin="lower")
                axes.set_title(f"head {head}: attention to a", fontsize=7)
            for axes, number in zip(rows[1], neurons["map"].values, strict=False):
                axes.imshow(neurons.sel(map=number), cmap="magma_r", origin="lower")
                axes.set_title(f"a neuron of k = {int(record['neuron_map_frequency'].sel(map=number))}", fontsize=7)
            for row in rows:
                row[0].set_axis_on()
                row[0].set(xlabel="b", ylabel="a", xticks=[], yticks=[])
            save(figure, path, vector=False)
        return path
