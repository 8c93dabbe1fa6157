"""Datasets with phases that a test chooses, on the grids of the phase-diagram studies."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grok.reports.study.study import Study

DIAGRAMS = ("phase_diagram", "weight_decay", "classes", "s3")


def phase_dataset(study: Study, phases: np.ndarray, *, scale: str = "laptop") -> xr.Dataset:
    """Three seeds of the study's grid with these phases [x, y]; runs generalize at step 1 or never."""
    axes = [study.figure.keywords[axis] for axis in "xy"]
    ticks = [study.preset["weight_decays" if "weight_decay" in axis else "rates"].split(",") for axis in axes]
    keys = {**{axis: np.array([*map(float, each)]) for axis, each in zip(axes, ticks, strict=True)}, "seed": [0, 1, 58]}
    dims, shape = [*keys], tuple(map(len, keys.values()))
    phase = np.broadcast_to(np.broadcast_to(phases, shape[:2])[..., None], shape).copy()
    generalization_step = np.where(np.isin(phase, ["comprehension", "grokking"]), 1.0, np.nan)
    variables = {
        "phase": (dims, phase),
        "finished": (dims, np.ones(shape, bool)),
        "memorization_step": (dims, np.ones(shape)),
        "generalization_step": (dims, generalization_step),
    }
    return xr.Dataset(variables, keys, {"scale": scale})


def claimed_phases(name: str, *, first: str = "comprehension", second: str = "grokking") -> np.ndarray:
    """Phases [x, y] of a diagram of Figure 6; `first` and `second` are the two phases that generalize.

    `phase_diagram`, over both learning rates: networks generalize if the representation learns at 2.15e-4 or more, and
    faster than the decoder. `weight_decay` and `classes`, over learning rate and weight decay of the decoder: learning
    rates from 2.15e-3 on memorize, or are in confusion at large weight decays. `s3`: slow decoders memorize.
    """
    column, row = np.indices((10, 10 if name == "phase_diagram" else 11))
    if name == "phase_diagram":
        distance = np.minimum(row - 3, row - column)  # to the region where only the decoder learns
        grid = np.where(distance > 2, first, np.where(distance > 0, second, "memorization"))
        return np.where((column > 7) & (distance < 0), "confusion", grid)
    if name == "s3":
        learned = np.where(column < 4, "memorization", np.where(column < 7, second, first))
    else:
        learned = np.where(column < 4, first, np.where(column < 7, second, "memorization"))
    return np.where((learned == "memorization") & (row > (7 if name == "s3" else 5)), "confusion", learned)
