"""Panels of the LU mechanism: training as a path over the reduced landscape, and the time that it is predicted to take
(Liu et al. 2023, Omnigrok, Secs. 2 – 4). The cells at weight decay 0 are held at their norms, the others are free."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator

from grok.records.sweep import last_look, looked_at
from grok.reports.by_rank import COLOURS, shading_bar
from grok.reports.landscape import FLOOR, losses
from grok.reports.style import NEUTRAL
from grok.science.landscape import CriticalNorm, predicted_steps

DECAY = "optimizer.weight_decay"
MARKERS = ("o", "s", "^", "D", "v", "P")
NOTE: dict[str, Any] = {"color": NEUTRAL, "fontsize": 7.5}


def trajectories(axes: Axes, dataset: xr.Dataset, *, init_scale: float) -> None:
    """The reduced landscape, and over it norm and test loss of the first seed's free networks that start at this norm,
    coloured by weight decay; a dot where each generalises."""
    losses(axes, dataset.sel({DECAY: 0}))
    shading = _shading(dataset)
    for decay in _decays(dataset):
        own = dataset.sel({"init_scale": init_scale, DECAY: decay}).isel(seed=0)
        seen = own.isel(step=looked_at(own).values)
        usual = seen["weight_norm"].values[0] / init_scale
        norm, loss = seen["weight_norm"].values / usual, seen["test_loss"].values.clip(FLOOR)
        colour: Any = shading.to_rgba(decay)
        axes.plot(norm, loss, color=colour, linewidth=1.1, zorder=3)
        step = float(own["generalization_step"])
        if np.isfinite(step):
            at = np.searchsorted(seen["step"].values, step)
            axes.plot(norm[at], loss[at], "o", color=colour, mec="white", mew=0.6, ms=5, zorder=6)
    axes.set_xlim(None, 1.15 * float(dataset["init_scale"].max()))
    seeds = dataset["seed"].values
    axes.set_title(f"seed {seeds[0]} from α = {init_scale:g}, landscape of {len(seeds)} seeds", fontsize=8, pad=14)


def predicted(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    quantity: str,
    critical: CriticalNorm,
    lr: float,
    judged: Collection[float],
    factor: float,
    from_scale: float,
    title: str,
    bar: bool,
) -> None:
    """The step of generalisation of every free network that starts at `from_scale` or above, against the step predicted
    from the landscape of its own seed, whose w_c `critical` finds in this quantity; on the line they are equal,
    in the band the prediction is wrong by less than `factor`. Hollow where the weight decay is not in `judged`; it says
    how many runs cannot be shown. `bar`: which colour is which weight decay."""
    shading, scales, decays = _shading(dataset), dataset["init_scale"].values, _decays(dataset)
    held = last_look(dataset.sel({DECAY: 0}), quantity).transpose("seed", "init_scale").values
    norms = np.array([critical(scales, own) for own in held])
    solid = np.isin(decays, [*judged])
    seen: list[float] = []
    runs = 0
    for scale, marker in zip(scales[scales >= from_scale * (1 - 1e-9)], MARKERS, strict=False):
        own = dataset["generalization_step"].sel({"init_scale": scale, DECAY: decays}).transpose("seed", DECAY).values
        expected = predicted_steps(scale / norms[:, None], lr * decays)
        colour: Any = np.broadcast_to(shading.to_rgba(decays), (*own.shape, 4)).reshape(-1, 4)
        face = np.where(np.tile(solid, len(own))[:, None], colour, 1.0)
        axes.scatter(expected.ravel(), own.ravel(), c=face, ec=colour, marker=marker, s=16, linewidths=0.8, zorder=3)
        axes.plot([], [], marker, color=NEUTRAL, ms=4, mew=0, ls="none", label=f"from α = {scale:g}")
        seen += [*expected[np.isfinite(own) & (expected > 0)]]
        runs += own.size
    line = np.array([min(seen) / 2, max(seen) * 2]) if seen else np.array([1.0, 10.0])
    axes.fill_between(line, line / factor, line * factor, color=NEUTRAL, alpha=0.15, linewidth=0)
    axes.plot(line, line, color=NEUTRAL, linewidth=1.0, linestyle="--", zorder=1)
    notes = [f"band: a factor of {factor:g}"]
    if not solid.all():
        notes = [f"hollow: γ = {', '.join(f'{decay:g}' for decay in decays[~solid])}", *notes]
    if len(seen) < runs:
        notes = [f"{runs - len(seen)} of {runs} runs, not here, never", "generalised or began below $w_c$", *notes]
    axes.annotate("\n".join(notes), (0.97, 0.03), xycoords="axes fraction", ha="right", **NOTE)
    axes.set(xscale="log", yscale="log", xlim=line, ylabel="step of generalisation, measured")
    axes.set_xlabel(r"predicted: $\ln(w_0 / w_c)\, /\, \eta\gamma$")
    axes.set_title(title, fontsize=9)
    axes.legend(loc="upper left", fontsize=8, frameon=False, handletextpad=0.2)
    if bar:
        shading_bar(axes, shading, "weight decay γ", FixedLocator(decays.tolist()), "{:g}")


def _decays(dataset: xr.Dataset) -> np.ndarray:
    """The weight decays of the free networks."""
    decays: np.ndarray = dataset[DECAY].values.astype(float)
    return decays[decays > 0]


def _shading(dataset: xr.Dataset) -> ScalarMappable:
    decays = _decays(dataset)
    return ScalarMappable(LogNorm(decays.min(), max(decays.max(), 1.01 * decays.min())), COLOURS)
