"""Panels of the LU mechanism: training as a path over the reduced landscape (Liu et al. 2023, Omnigrok, Secs. 2 – 4).

Runs with weight decay 0 are held at their norm. The other runs are free.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator

from grok.records.per_run import final_values, is_evaluated
from grok.reports.landscape.landscape_panels import FLOOR, loss_landscape
from grok.reports.style import GRAY, SEQUENTIAL, color_bar
from grok.science.landscape.reduced_landscape import CriticalNorm, decay_steps

DECAY = "optimizer.weight_decay"
MARKERS = ("o", "s", "^", "D", "v", "P")
NOTE_STYLE: dict[str, Any] = {"color": GRAY, "fontsize": 7.5}


def trajectories(axes: Axes, dataset: xr.Dataset, *, init_scale: float) -> None:
    """The reduced landscape, and on it the paths (norm, test loss) of the first seed's free runs from `init_scale`.

    Colors are weight decays. A dot marks the generalization step.
    """
    loss_landscape(axes, dataset.sel({DECAY: 0}))
    shading = _shading(dataset)
    for decay in _decays(dataset):
        run = dataset.sel({"init_scale": init_scale, DECAY: decay}).isel(seed=0)
        evaluated = run.isel(step=is_evaluated(run).values)
        default_norm = evaluated["weight_norm"].values[0] / init_scale
        norm, loss = evaluated["weight_norm"].values / default_norm, evaluated["test_loss"].values.clip(FLOOR)
        color: Any = shading.to_rgba(decay)
        axes.plot(norm, loss, color=color, linewidth=1.1, zorder=3)
        step = float(run["generalization_step"])
        if np.isfinite(step):
            at = np.searchsorted(evaluated["step"].values, step)
            axes.plot(norm[at], loss[at], "o", color=color, mec="white", mew=0.6, ms=5, zorder=6)
    axes.set_xlim(None, 1.15 * float(dataset["init_scale"].max()))
    seeds = dataset["seed"].values
    axes.set_title(f"seed {seeds[0]} from α = {init_scale:g}, landscape of {len(seeds)} seeds", fontsize=8, pad=14)


def predicted_versus_measured(
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
    show_color_bar: bool,
) -> None:
    """Measured versus predicted generalization step of every free run that starts at `from_scale` or above.

    The prediction uses the landscape of `quantity` for the same seed, and `critical` returns its w_c. On the line, both
    steps are equal; in the band, they differ by less than `factor`. Markers are hollow if the weight decay is not in
    `judged`. A note has the number of runs that are not shown. `show_color_bar` adds the color bar of weight decay.
    """
    shading, scales, decays = _shading(dataset), dataset["init_scale"].values, _decays(dataset)
    held = final_values(dataset.sel({DECAY: 0}), quantity).transpose("seed", "init_scale").values
    norms = np.array([critical(scales, curve) for curve in held])
    is_judged = np.isin(decays, [*judged])
    shown: list[float] = []
    n_runs = 0
    for scale, marker in zip(scales[scales >= from_scale * (1 - 1e-9)], MARKERS, strict=False):
        runs = dataset["generalization_step"].sel({"init_scale": scale, DECAY: decays})
        measured, predicted = runs.transpose("seed", DECAY).values, decay_steps(scale / norms[:, None], lr * decays)
        _scatter(axes, predicted, measured, shading.to_rgba(decays), is_judged, marker)
        axes.plot([], [], marker, color=GRAY, ms=4, mew=0, ls="none", label=f"from α = {scale:g}")
        shown += [*predicted[np.isfinite(measured) & (predicted > 0)]]
        n_runs += measured.size
    limits = np.array([min(shown) / 2, max(shown) * 2]) if shown else np.array([1.0, 10.0])
    _identity_band(axes, limits, factor)
    note = _note(factor, decays[~is_judged], len(shown), n_runs)
    axes.annotate(note, (0.97, 0.03), xycoords="axes fraction", ha="right", **NOTE_STYLE)
    axes.set_title(title, fontsize=9)
    axes.legend(loc="upper left", fontsize=8, frameon=False, handletextpad=0.2)
    if show_color_bar:
        color_bar(axes, shading, "weight decay γ", FixedLocator(decays.tolist()), "{:g}")


def _scatter(
    axes: Axes, predicted: np.ndarray, measured: np.ndarray, colors: Any, is_filled: np.ndarray, marker: str
) -> None:
    """Draw steps [seed, decay] with the color of each decay; markers are hollow if the decay is not `is_filled`."""
    edges = np.broadcast_to(colors, (*measured.shape, 4)).reshape(-1, 4)
    faces = np.where(np.tile(is_filled, len(measured))[:, None], edges, 1.0)
    style: Any = {"marker": marker, "s": 16, "linewidths": 0.8, "zorder": 3}
    axes.scatter(predicted.ravel(), measured.ravel(), c=faces, ec=edges, **style)


def _identity_band(axes: Axes, limits: np.ndarray, factor: float) -> None:
    """Draw the line on which prediction and measurement are equal, with its band, and set up the axes."""
    axes.fill_between(limits, limits / factor, limits * factor, color=GRAY, alpha=0.15, linewidth=0)
    axes.plot(limits, limits, color=GRAY, linewidth=1.0, linestyle="--", zorder=1)
    axes.set(xscale="log", yscale="log", xlim=limits, ylabel="measured generalization step")
    axes.set_xlabel(r"predicted: $\ln(w_0 / w_c)\, /\, \eta\gamma$")


def _note(factor: float, hollow: np.ndarray, n_shown: int, n_runs: int) -> str:
    """How many runs are not shown and why, the decays with hollow markers, and the width of the band."""
    lines = [f"band: a factor of {factor:g}"]
    if hollow.size:
        lines = [f"hollow: γ = {', '.join(f'{decay:g}' for decay in hollow)}", *lines]
    if n_shown < n_runs:
        lines = [f"{n_runs - n_shown} of {n_runs} runs not shown: no", "generalization, or start below $w_c$", *lines]
    return "\n".join(lines)


def _decays(dataset: xr.Dataset) -> np.ndarray:
    """The weight decays of the free runs."""
    decays: np.ndarray = dataset[DECAY].values.astype(float)
    return decays[decays > 0]


def _shading(dataset: xr.Dataset) -> ScalarMappable:
    """The colors of weight decays on a log scale."""
    decays = _decays(dataset)
    return ScalarMappable(LogNorm(decays.min(), max(decays.max(), 1.01 * decays.min())), SEQUENTIAL)
