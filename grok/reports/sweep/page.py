"""The page of a sweep: one HTML file, to be opened from disk.

One swept key gives a line with a band over seeds, two keys give a heat map, and more give several heat maps. A click on
a point of the grid shows the curves of its runs.
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import xarray as xr
from plotly.offline import get_plotlyjs

from grok.records.per_run import final_values
from grok.reports.style import PHASE_COLORS, TEST, TRAIN
from grok.reports.template import fill_template, script_json, table_rows

CURVES = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
QUANTITIES = {  # the quantities of the menu, with their titles
    "phase": "phase",
    "generalization_step": "step of generalization",
    "memorization_step": "step of memorization",
    "delay": "delay",
    "generalization_step_by_loss": "step of generalization by loss",
    "memorization_step_by_loss": "step of memorization by loss",
    "delay_by_loss": "delay by loss",
    "test_accuracy": "final test accuracy",
    "train_accuracy": "final training accuracy",
    "test_loss": "final test loss",
    "train_loss": "final training loss",
}
FACTS = ("command", "task", "data_source", "code", "torch")  # the attributes shown as provenance


def sweep_page(dataset: xr.Dataset) -> str:
    """The HTML of a sweep's Dataset."""
    axes = [str(dim) for dim in dataset["train_accuracy"].dims if dim not in ("step", "seed")]
    if not axes:
        dataset, axes = (dataset, ["seed"]) if "seed" in dataset.dims else (dataset.expand_dims(run=[0]), ["run"])
    content: dict[str, Any] = {
        "axes": [{"name": name, "ticks": [_tick(each) for each in dataset[name].values.tolist()]} for name in axes],
        "steps": dataset["step"].values.tolist(),
        "quantities": {name: QUANTITIES[name] for name in _quantities(dataset)},
        "phases": PHASE_COLORS,
        "colors": {"train": TRAIN, "test": TEST},
        "places": [_place(dataset, axes, at) for at in np.ndindex(*[dataset.sizes[axis] for axis in axes])],
    }
    n_runs = sum(len(place["runs"]) for place in content["places"])
    return fill_template(
        "sweep/page",
        title=html.escape(str(dataset.attrs.get("name", "sweep"))),
        sentence=html.escape(_sentence(dataset, axes, n_runs)),
        facts=table_rows({key: dataset.attrs[key] for key in FACTS if key in dataset.attrs}),
        sweep=script_json(content),
        plotly=get_plotlyjs(),
    )


def _tick(value: Any) -> Any:
    """A coordinate for the page; NaN and infinity as text, which JSON does not have."""
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _quantities(dataset: xr.Dataset) -> list[str]:
    """The quantities of the menu that the sweep has; phases and their steps only if the task has thresholds."""
    has_phase = (dataset["phase"] != "").any() if "phase" in dataset else False
    phases = ("phase", "generalization_step", "memorization_step", "delay")
    return [name for name in QUANTITIES if name in dataset and (has_phase or name not in phases)]


def _sentence(dataset: xr.Dataset, axes: list[str], n_runs: int) -> str:
    """The number of runs and the size of the grid, such as `12 runs over 3 values of init_scale × 4 seeds`."""
    sizes = [f"{dataset.sizes[axis]} values of {axis}" for axis in axes if axis not in ("run", "seed")]
    sizes += [f"{dataset.sizes['seed']} seeds"] if "seed" in dataset.dims else []
    return f"{n_runs} runs" + (f" over {' × '.join(sizes)}" if sizes else "")


def _place(dataset: xr.Dataset, axes: list[str], at: tuple[int, ...]) -> dict[str, Any]:
    """A point of the grid for the page: its indices, and its runs, one for each seed that has a record."""
    chosen = dataset.isel(dict(zip(axes, at, strict=True)))
    seeds = [chosen.isel(seed=number) for number in range(chosen.sizes["seed"])] if "seed" in chosen.dims else [chosen]
    return {"at": list(at), "runs": [_run(each) for each in seeds if each["train_accuracy"].notnull().any()]}


def _run(dataset: xr.Dataset) -> dict[str, Any]:
    """A run for the page: its seed, its values, and its curves with gaps where it was not evaluated."""
    evaluated = dataset["train_accuracy"].notnull().values
    values = {
        name: _value(final_values(dataset, name) if "step" in dataset[name].dims else dataset[name])
        for name in _quantities(dataset)
    }
    curves = {
        name: [_number(value) if known else None for value, known in zip(dataset[name].values, evaluated, strict=True)]
        for name in CURVES
    }
    return {"seed": dataset["seed"].item() if "seed" in dataset.coords else None, "values": values, "curves": curves}


def _value(array: xr.DataArray) -> Any:
    value = array.item()
    return value if isinstance(value, str) else _number(value)


def _number(value: float) -> float | None:
    """The number with four digits, as many as a screen shows; None, a gap in the curve, if it is not finite."""
    return float(f"{value:.4g}") if np.isfinite(value) else None
