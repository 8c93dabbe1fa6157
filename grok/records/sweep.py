"""A sweep's folder: which cell has which values, and the records of all cells as one Dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from grok.checks import UserError
from grok.records.files import write_json

MANIFEST = "sweep.json"
DATASET = "sweep.nc"
SPARSE = 4  # where the grid of the swept values has so many times more places than there are cells, cells stay a list
STEPS = ("memorization_step", "generalization_step", "delay")  # of a summary; NaN: never

Keys = Mapping[str, Any]  # a cell's values of the keys that the sweep's command gives


def write_manifest(sweep: Path, cells: Mapping[str, Keys]) -> None:
    """Note the cells of a sweep by their folders, besides those that are noted already."""
    write_json(sweep / MANIFEST, {"cells": {**read_manifest(sweep), **cells}})


def read_manifest(sweep: Path) -> dict[str, Keys]:
    """The cells of a sweep by their folders; none where no sweep was begun.

    Raises:
        UserError: the file cannot be read.
    """
    path = sweep / MANIFEST
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["cells"])
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a sweep's list of cells ({error})") from error


def swept(cells: Mapping[str, Keys]) -> list[str]:
    """The keys in which cells differ, in the order of the command, the seed last."""
    names = {name: None for keys in cells.values() for name in keys}
    varied = [name for name in names if len({json.dumps(keys.get(name)) for keys in cells.values()}) > 1]
    return sorted(varied, key=lambda name: name == "seed")


def status(folder: Path) -> tuple[str, str]:
    """How the cell in a folder stands: done, failed (with its error) or missing."""
    error = (folder / "error.txt").read_text(encoding="utf-8").strip() if (folder / "error.txt").exists() else ""
    if error:
        return "failed", error.splitlines()[-1]
    return ("done" if (folder / "summary.json").exists() else "missing"), ""


def assemble(sweep: Path) -> xr.Dataset:
    """The records and summaries of all cells that have some, over the swept keys, `step`, and what measures add.

    What a cell has no value for is NaN. Values that fill no grid, as an optimising sweeper's, lie along `cell`.

    Raises:
        UserError: no cell has a record.
    """
    cells = {name: keys for name, keys in read_manifest(sweep).items() if (sweep / name / "record.nc").exists()}
    if not cells:
        raise UserError(f"{sweep}: no cell of this sweep has a record yet")
    records = [_with_summary(sweep / name) for name in cells]
    names = swept(cells)
    values = {name: [_plain(keys.get(name)) for keys in cells.values()] for name in names}
    for name, of_cells in values.items():
        if any(isinstance(value, str) for value in of_cells):
            values[name] = [str(value) for value in of_cells]  # an axis is all numbers or all texts
    ticks = {name: sorted(set(of_cells)) for name, of_cells in values.items()}
    if names and np.prod([len(each) for each in ticks.values()]) > SPARSE * len(cells):
        ticks, places = {"cell": [*cells]}, [(number,) for number in range(len(cells))]
    else:
        places = [tuple(ticks[name].index(values[name][number]) for name in names) for number in range(len(cells))]
    dataset = _stacked(records, places, ticks)
    if "cell" in ticks:
        dataset = dataset.assign_coords({name: ("cell", of_cells) for name, of_cells in values.items()})
    shared = records[0].attrs
    same = {key: value for key, value in shared.items() if all(each.attrs.get(key) == value for each in records)}
    return dataset.assign_attrs(same)


def last_look(array: xr.DataArray) -> xr.DataArray:
    """The values at each cell's last look; NaN for a cell without a record."""
    looks = xr.DataArray(np.arange(array.sizes["step"]), dims="step")
    return array.isel(step=(array.notnull() * looks).argmax("step"), drop=True)


def _with_summary(folder: Path) -> xr.Dataset:
    """A cell's record with what its summary adds, where it is finished."""
    record = xr.load_dataset(folder / "record.nc", engine="h5netcdf")
    if (folder / "summary.json").exists():
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        for name in STEPS:
            record[name] = ((), np.nan if summary[name] is None else float(summary[name]), {"units": "step"})
        record["phase"] = ((), summary["phase"])
    return record


def _stacked(
    records: Sequence[xr.Dataset], places: Sequence[tuple[int, ...]], ticks: Mapping[str, Sequence[Any]]
) -> xr.Dataset:
    """The records put in their places on the grid of ticks, over the steps that any of them has."""
    steps = np.unique(np.concatenate([each["step"].values for each in records]))
    shape = tuple(len(each) for each in ticks.values())
    first: dict[str, xr.DataArray] = {}
    for record in records:
        first = {**{str(name): array for name, array in record.data_vars.items()}, **first}
    variables = {}
    for name, array in first.items():
        inner = {str(dim): steps.size if dim == "step" else array.sizes[dim] for dim in array.dims}
        text = array.dtype.kind in "UO"
        stacked = np.full((*shape, *inner.values()), "" if text else np.nan, dtype=object if text else float)
        for record, place in zip(records, places, strict=True):
            if name in record:
                at = np.searchsorted(steps, record["step"].values) if "step" in inner else ...
                stacked[(*place, at)] = record[name].values
        variables[name] = ([*ticks, *inner], stacked.astype(str) if text else stacked, array.attrs)
    coordinates = {name: (name, values) for name, values in first_coordinates(records).items()}
    return xr.Dataset(variables, {**coordinates, **ticks, "step": ("step", steps, records[0]["step"].attrs)})


def first_coordinates(records: Sequence[xr.Dataset]) -> dict[str, np.ndarray]:
    """The ticks of the axes that measures add, from the first record that has each."""
    found: dict[str, np.ndarray] = {}
    for record in records:
        found = {**{str(dim): record[dim].values for dim in record.dims if dim != "step"}, **found}
    return found


def _plain(value: Any) -> Any:
    """A coordinate: a number or a text."""
    return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else json.dumps(value)
