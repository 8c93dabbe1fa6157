"""Joint laws of two limits on kept runs: fitted on the smaller runs, and tested on the larger ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.reports.quanta.compute_frontier import check_records
from grok.reports.study.composition import compose_study
from grok.reports.study.data import result
from grok.reports.style import GRAY, RC, TEST, save_figure, set_plain_ticks
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.finite_sums import JointRule
from grok.science.quanta.joint_law import Axis, fit_joint_law, grid_losses, log_error
from grok.science.quanta.laws import fit_constant
from grok.science.quanta.quantization_model import zipf_frequencies

RULES: tuple[JointRule, ...] = ("larger", "sum")
PARTS = ("fitted", "held out")


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A kept sweep over a key, whose losses at each step are those of a law of this key and a law of steps.

    The fit has the runs up to `to_x` and the steps up to `to_step`; the other points are held out. With `lowest`, a
    loss is the lowest one up to its step, which is early stopping; it would repeat fitted values at later steps of the
    fitted runs, so only the runs beyond `to_x` are held out.
    """

    name: str
    study: str
    scale: str
    key: str
    law: str
    to_x: float
    from_step: float
    to_step: float
    lowest: bool = False
    where: Mapping[str, Any] = field(default_factory=dict)


def joint_laws(*, arms: Sequence[Arm]) -> xr.Dataset:
    """Errors and constants of both rules in each arm and seed, and the measured and predicted losses in bits.

    Raises:
        UserError: a result lacks what is needed, or a loss is not positive.
    """
    rows = [_arm(arm) for arm in arms]
    dataset = xr.concat(rows, dim="arm", join="outer").assign_coords(arm=[arm.name for arm in arms])
    dataset.attrs = {}
    return dataset


def _arm(arm: Arm) -> xr.Dataset:
    """Both rules for every seed of one arm; its points are in one dimension, which other arms may exceed."""
    config, kept = compose_study(arm.study, arm.scale), result(study=arm.study, scale=arm.scale)
    check_records(kept, f"results/{arm.study}/{arm.scale}", positive=("test_loss",))
    alpha = float(arm.where.get("task.alpha", config.task.alpha))
    kept = kept.sel(dict(arm.where)).sel(step=kept["step"] >= arm.from_step)
    frequencies = zipf_frequencies(kept.sizes["subtask"], alpha=alpha)
    seeds = [_seed(arm, kept.sel(seed=seed), frequencies) for seed in kept["seed"].values]
    return xr.concat(seeds, dim="seed").assign_coords(seed=kept["seed"].values)


def _seed(arm: Arm, run: xr.Dataset, frequencies: np.ndarray) -> xr.Dataset:
    losses = run["test_loss"].transpose(arm.key, "step").values / NATS_PER_BIT
    subtasks = run["subtask_loss"].transpose(arm.key, "step", "subtask").values / NATS_PER_BIT
    if arm.lowest:
        losses, subtasks = (np.minimum.accumulate(each, axis=1) for each in (losses, subtasks))
    x, steps = (run[name].values.astype(float) for name in (arm.key, "step"))
    x_fitted, step_fitted = x <= arm.to_x, steps <= arm.to_step
    fitted = x_fitted[:, None] & step_fitted
    held_out = np.broadcast_to(~x_fitted[:, None], fitted.shape) if arm.lowest else ~fitted
    known = subtasks[x_fitted][:, step_fitted]
    first = Axis(arm.law, x, fit_constant(arm.law, x[x_fitted], known[:, -1], frequencies))
    second = Axis("steps", steps, fit_constant("steps", steps[step_fitted], known[-1], frequencies))
    errors, constants, predicted = [], [], []
    for rule in RULES:
        axes = fit_joint_law(first, second, losses, frequencies, rule=rule, fitted=fitted)
        by_law = grid_losses(*axes, frequencies, rule=rule)
        errors.append([log_error(by_law, losses, where=part) for part in (fitted, held_out)])
        constants.append([axis.constant for axis in axes])
        predicted.append(by_law.ravel())
    variables: dict[str, Any] = {
        "error": (("rule", "part"), errors),
        "constant": (("rule", "limit"), constants),
        "predicted": (("rule", "point"), predicted),
        "measured": ("point", losses.ravel()),
        "held_out": ("point", np.where(fitted | held_out, held_out, np.nan).ravel()),
    }
    coordinates = {"rule": list(RULES), "part": list(PARTS), "limit": ["key", "steps"], "point": range(losses.size)}
    return xr.Dataset(variables, coordinates)


def draw(dataset: xr.Dataset, path: Path) -> Path:
    """Draw the predicted versus the measured losses of each arm (row) and rule (column)."""
    n_arms = dataset.sizes["arm"]
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(7.4, 3.3 * n_arms), layout="constrained")
        panels = figure.subplots(n_arms, len(RULES), squeeze=False, sharex="row", sharey="row")
        for row, arm in zip(panels, dataset["arm"].values, strict=True):
            for axes, rule in zip(row, RULES, strict=True):
                _draw_points(axes, dataset.sel(arm=arm, rule=rule))
                axes.set_title(f"{arm}: the {rule}{' of both losses' if rule == 'larger' else ''}", fontsize=9)
            row[0].set_ylabel("loss by the law (bits)")
        for axes in panels[-1]:
            axes.set_xlabel("measured loss (bits)")
        panels[0][0].legend(loc="lower right", fontsize=7.5, frameon=False)
        save_figure(figure, path)
    return path


def _draw_points(axes: Axes, chosen: xr.Dataset) -> None:
    """Draw all seeds' points, the line of equal losses, and the errors in the corner."""
    held_out = chosen["held_out"].values == 1
    for part, is_part, color in (("fitted", chosen["held_out"].values == 0, GRAY), ("held out", held_out, TEST)):
        x, y = (chosen[name].values[is_part] for name in ("measured", "predicted"))
        axes.plot(x, y, "o", color=color, ms=2.5, mew=0, alpha=0.5, label=part)
    error = chosen["error"].mean("seed")
    text = "\n".join(f"{part}: RMS error of ln {float(error.sel(part=part)):.2f}" for part in PARTS)
    axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=7.5)
    low = float(chosen["measured"].min())
    axes.plot([low, 1], [low, 1], color="black", lw=0.8)
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        set_plain_ticks(axis, (1, 2, 3, 5, 7))  # the losses of an arm may cover less than a decade
