"""The page of a sweep: a heat map for two swept keys, a line with a band over seeds for one, small maps for more; a
click on a place shows its curves. One self-contained HTML file, to be opened from disk."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import xarray as xr
from plotly.offline import get_plotlyjs

from grok.records.sweep import last_look
from grok.reports.style import PHASES, TEST, TRAIN
from grok.reports.template import filled, rows, script_json

CURVES = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
SHOWN = {  # the quantities to choose from, with their titles
    "phase": "phase",
    "generalization_step": "step of generalisation",
    "memorization_step": "step of memorisation",
    "delay": "delay",
    "test_accuracy": "final test accuracy",
    "train_accuracy": "final training accuracy",
    "test_loss": "final test loss",
    "train_loss": "final training loss",
}


def sweep_page(dataset: xr.Dataset) -> str:
    """The HTML of a sweep's Dataset."""
    axes = [str(dim) for dim in dataset["train_accuracy"].dims if dim not in ("step", "seed")]
    if not axes:
        dataset, axes = (dataset, ["seed"]) if "seed" in dataset.dims else (dataset.expand_dims(run=[0]), ["run"])
    shared: dict[str, Any] = {
        "axes": [{"name": name, "ticks": dataset[name].values.tolist()} for name in axes],
        "steps": dataset["step"].values.tolist(),
        "quantities": {name: title for name, title in SHOWN.items() if name in dataset},
        "phases": PHASES,
        "colours": {"train": TRAIN, "test": TEST},
        "places": [_place(dataset, axes, at) for at in np.ndindex(*[dataset.sizes[axis] for axis in axes])],
    }
    facts = {
        key: dataset.attrs[key] for key in ("command", "task", "data_source", "code", "torch") if key in dataset.attrs
    }
    seeds = f", {dataset.sizes['seed']} seeds each" if "seed" in dataset.dims and axes != ["seed"] else ""
    n_cells = sum(len(place["cells"]) for place in shared["places"])
    sizes = " × ".join(f"{dataset.sizes[axis]} {axis}" for axis in axes)
    return filled(
        "sweep_page",
        title=html.escape(str(dataset.attrs.get("name", "sweep"))),
        sentence=html.escape(f"{n_cells} cells over {sizes}{seeds}"),
        facts=rows(facts),
        sweep=script_json(shared),
        plotly=get_plotlyjs(),
    )


def _place(dataset: xr.Dataset, axes: list[str], at: tuple[int, ...]) -> dict[str, Any]:
    """What the page knows of one place on the grid: each seed's cell with its numbers and curves."""
    here = dataset.isel(dict(zip(axes, at, strict=True)))
    seeds = [here.isel(seed=number) for number in range(here.sizes["seed"])] if "seed" in here.dims else [here]
    cells = []
    for own in seeds:
        there = own["train_accuracy"].notnull().values
        if not there.any():
            continue
        values = {
            name: _value(last_look(own, name) if "step" in own[name].dims else own[name])
            for name in SHOWN
            if name in own
        }
        curves = {
            name: [_number(value) if known else None for value, known in zip(own[name].values, there, strict=True)]
            for name in CURVES
        }
        cells.append({"seed": own["seed"].item() if "seed" in own.coords else None, "values": values, "curves": curves})
    return {"at": list(at), "cells": cells}


def _value(array: xr.DataArray) -> Any:
    value = array.item()
    return value if isinstance(value, str) else _number(value)


def _number(value: float) -> float | None:
    """Four digits are what a screen shows; what is not finite is a gap."""
    return float(f"{value:.4g}") if np.isfinite(value) else None
