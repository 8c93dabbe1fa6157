"""The loss of kept runs versus compute: its frontier over network sizes, as a Dataset and as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from grok.checks import UserError
from grok.reports.study.composition import compose_study
from grok.reports.study.data import result
from grok.reports.style import (
    FINITE_STYLE,
    PALETTE,
    RC,
    SEQUENTIAL,
    color_bar,
    format_signed,
    save_figure,
    set_plain_ticks,
)
from grok.science.quanta.compute import FLOPS_PER_PARAMETER, finite_exponent, frontier, law_losses, loss_at
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.quantization_model import zipf_frequencies

WIDTH = "model.width"
POINTS_PER_DECADE = 12  # of the grid of compute
MARKS = "os^"  # of the seeds


def frontiers(*, study: str, scale: str, from_bits: float, to_parameters: float) -> xr.Dataset:
    """Losses in bits by width and compute, their frontier, and that of the laws, from a kept sweep over widths.

    The batch size and α are those of the sweep's configuration; the Dataset has them as attributes.

    Raises:
        UserError: the result lacks what is needed, or a loss or a size is not positive.
    """
    kept, config = result(study=study, scale=scale), compose_study(study, scale)
    batch_size, alpha = int(config.batch_size), float(config.task.alpha)
    check_records(kept, f"results/{study}/{scale}", positive=("test_loss", "n_parameters"))
    kept = kept.isel(step=slice(1, None))  # step 0 has no compute
    sizes = kept["n_parameters"].isel(seed=0).values
    examples = batch_size * kept["step"].values
    least, most = (float(FLOPS_PER_PARAMETER * n) for n in (sizes.min() * examples[0], sizes.max() * examples[-1]))
    compute = np.geomspace(least, most, round(POINTS_PER_DECADE * math.log10(most / least)))
    frequencies = zipf_frequencies(kept.sizes["subtask"], alpha=alpha)
    found: dict[str, list[Any]] = {name: [] for name in ("loss", "lowest", "best", "law_lowest", "law_best")}
    for seed in kept["seed"].values:
        run = kept.sel(seed=seed)
        losses = run["test_loss"].transpose(WIDTH, "step").values / NATS_PER_BIT
        subtasks = run["subtask_loss"].transpose(WIDTH, "step", "subtask").values / NATS_PER_BIT
        law = law_losses(sizes, kept["step"].values, subtasks, frequencies, to_parameters=to_parameters)
        on_grid, law_on_grid = (_on_grid(compute, sizes, examples, each) for each in (losses, law))
        ours, by_law = (frontier(sizes, each, from_bits=from_bits) for each in (on_grid, law_on_grid))
        for name, values in zip(found, (on_grid, *ours, *by_law), strict=True):
            found[name].append(values)
    dims = {"loss": ("seed", WIDTH, "compute")}
    variables = {name: (dims.get(name, ("seed", "compute")), np.array(each)) for name, each in found.items()}
    coordinates = {"seed": kept["seed"].values, WIDTH: kept[WIDTH].values, "compute": compute}
    attributes = {"batch_size": batch_size, "alpha": alpha, "n_subtasks": kept.sizes["subtask"]}
    return xr.Dataset(variables | {"n_parameters": (WIDTH, sizes)}, coordinates, attributes)


def _on_grid(compute: np.ndarray, sizes: np.ndarray, examples: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Losses [size, point] on the grid of compute."""
    each = [loss_at(compute, float(size), examples, own) for size, own in zip(sizes, losses, strict=True)]
    return np.stack(each)


def check_records(dataset: xr.Dataset, name: str, *, positive: Sequence[str]) -> None:
    """Require the losses of the subtasks, and `positive` quantities.

    Raises:
        UserError: one is missing or not positive.
    """
    for quantity in ("subtask_loss", *positive):
        if quantity not in dataset:
            raise UserError(f"study.data: {name} has no {quantity}")
    for quantity in positive:
        lowest = float(dataset[quantity].min())
        if not lowest > 0:
            raise UserError(f"study.data: {name}: {quantity} is {lowest:g}; it must be above 0")


def draw(dataset: xr.Dataset, path: Path) -> Path:
    """Draw the loss versus compute with its frontier, and the best size versus compute."""
    alpha = float(dataset.attrs["alpha"])
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(9.4, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        shading = ScalarMappable(LogNorm(*dataset[WIDTH].values[[0, -1]]), SEQUENTIAL)
        for width in dataset[WIDTH].values:
            curves = dataset["loss"].sel({WIDTH: width}).transpose("seed", "compute").values
            left.plot(dataset["compute"], curves.T, color=shading.to_rgba(width), lw=0.8, alpha=0.8)
        _frontier(left, dataset, "lowest", theory=-alpha / (2 + alpha))
        _frontier(right, dataset, "best", theory=1 / (2 + alpha))
        left.set(ylabel="mean loss (bits)", ylim=(0.6 * float(dataset["loss"].min()), 1.2))
        left.legend(loc="lower left", fontsize=7.5, frameon=False)
        right.set(ylabel="parameters of the best network")
        right.legend(loc="upper left", fontsize=7.5, frameon=False)
        set_plain_ticks(left.yaxis)
        color_bar(left, shading, "width", FixedLocator(dataset[WIDTH].values.tolist()), "{:.0f}")
        save_figure(figure, path)
    return path


def _frontier(axes: Axes, dataset: xr.Dataset, name: str, *, theory: float) -> None:
    """Draw every seed's frontier with the power law through it, and the frontier of the laws.

    Each power law ends where its points end.
    """
    compute = dataset["compute"].values
    ours, law = (dataset[each].transpose("seed", "compute").values for each in (name, f"law_{name}"))
    slopes = [finite_exponent(compute, seed) for seed in ours]
    for number, (seed, slope) in enumerate(zip(ours, slopes, strict=True)):
        x, y = compute[np.isfinite(seed)], seed[np.isfinite(seed)]
        mark, color = MARKS[number % len(MARKS)], PALETTE[(0, 1, 3)[number % 3]]  # no green, as of the widths
        label = f"seed {dataset['seed'].values[number]}: slope {format_signed(slope)}"
        axes.plot([], [], mark, color=color, ms=3, mew=0, ls="-", lw=1.3, label=label)
        axes.plot(x, y, mark, color=color, ms=3, mew=0, zorder=3)
        line = np.exp(np.log(y).mean()) * (x / np.exp(np.log(x).mean())) ** slope
        axes.plot(x, line, color=color, lw=1.3)
    law_slope = float(np.mean([finite_exponent(compute, each) for each in law]))
    label = f"laws for {int(dataset.attrs['n_subtasks'])} subtasks: slope {format_signed(law_slope)}"
    label += f"; for ∞: {format_signed(theory)}"
    axes.plot(compute, law.mean(0), color="black", lw=1.1, ls=FINITE_STYLE, label=label)
    axes.set(xscale="log", yscale="log", xlabel="compute C = 6 N D (FLOPs)")
