"""Losses of atoms and composites over steps, and when seeds learn a composite (Michaud et al. 2025)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.records.per_run import is_evaluated, reduce_curves
from grok.reports.language.step_curves import LEGEND, level_line
from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, PALETTE, RC, TEST, TRAIN, save_figure
from grok.science.quanta.composition import is_composite, steps_of_learned
from grok.science.quanta.emergence import CONVERGED_BITS, NATS_PER_BIT
from grok.science.statistics.curves import first_below

MIN_STEP = 10  # at which the step axis begins


class Composition(Plot):
    """The loss of each atom and composite of a run over steps."""

    title = "Atoms and composites"
    needs = ("subtask_loss",)

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the curves, in bits."""
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(5.4, 3.4), layout="constrained")
            subtask_losses(figure.add_subplot(), record.expand_dims("seed"), where={}, title="loss of each subtask")
            save_figure(figure, path, vector=False)
        return path


def subtask_losses(axes: Axes, dataset: xr.Dataset, *, where: Mapping[str, Any], title: str) -> None:
    """The loss of each atom and composite over steps, in bits: a curve per subtask and seed."""
    chosen = dataset.sel(where)
    composite = is_composite(chosen["subtask"].values)
    for seed in range(chosen.sizes["seed"]):
        run = chosen.isel(seed=seed)
        losses = run["subtask_loss"].transpose("step", "subtask")[is_evaluated(run).values] / NATS_PER_BIT
        axes.plot(losses["step"], losses[:, ~composite], color=TRAIN, lw=0.8, alpha=0.7)
        axes.plot(losses["step"], losses[:, composite], color=TEST, lw=1.2, alpha=0.8, zorder=3)
    axes.plot([], [], color=TRAIN, label="atoms")
    axes.plot([], [], color=TEST, label="composite")
    axes.axhline(CONVERGED_BITS, color=GRAY, lw=0.8, ls=":")
    axes.set(
        xscale="log", xlim=(MIN_STEP, _last_step(chosen)), ylim=(0, 1.25), xlabel="optimizer step", ylabel="loss (bits)"
    )
    axes.legend(loc="center left", **LEGEND)
    axes.set_title(title, fontsize=8, loc="left")


def share_learned(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    runs: Mapping[str, Mapping[str, Any]],
    published: Mapping[str, float],
) -> None:
    """The share of seeds whose composites have had a loss below 0.1 bits, over steps; published final shares dotted."""
    for number, (name, where) in enumerate(runs.items()):
        steps = _steps(dataset.sel(where))
        last = steps.isel(subtask=is_composite(steps["subtask"].values)).max("subtask").values
        x = np.concatenate([[MIN_STEP], np.sort(last[np.isfinite(last)]), [_last_step(dataset)]])
        share = np.append(np.arange(x.size - 1), x.size - 2) / last.size
        axes.step(x, share, where="post", color=PALETTE[number], lw=1.5, label=name, clip_on=False)
    for name, level in published.items():
        level_line(axes, name, level)
    axes.set(xscale="log", xlim=(MIN_STEP, _last_step(dataset)), ylim=(0, 1.02))
    axes.set(xlabel="optimizer step", ylabel="share of seeds that have\nlearned the composite")
    axes.legend(loc="upper left", **LEGEND)


def composite_versus_atoms(axes: Axes, dataset: xr.Dataset, *, runs: Mapping[str, Mapping[str, Any]]) -> None:
    """The step at which a composite is learned versus that of its last atom: a point per seed, above the diagonal."""
    for number, (name, where) in enumerate(runs.items()):
        steps = _steps(dataset.sel(where)).transpose("subtask", "seed")
        last_atom, composite = steps_of_learned(steps["subtask"].values, steps.values)
        axes.plot(last_atom, composite, "o", color=PALETTE[number], ms=4, mew=0, alpha=0.7, label=name)
    ends = np.array([MIN_STEP, _last_step(dataset)])
    axes.plot(ends, ends, color=GRAY, lw=0.9, ls=":")
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set(xlabel="step of the last atom", ylabel="step of the composite")
    axes.legend(loc="lower right", **LEGEND)


def _steps(dataset: xr.Dataset) -> xr.DataArray:
    """The step at which each subtask of each run is learned; infinite if it never is."""
    level = CONVERGED_BITS * NATS_PER_BIT
    return reduce_curves(dataset, "subtask_loss", lambda steps, loss: first_below(steps, loss, level=level))


def _last_step(dataset: xr.Dataset) -> int:
    """The end of the step axis."""
    return max(int(dataset["step"][-1]), 2 * MIN_STEP)
