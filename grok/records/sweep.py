"""A sweep's folder: which cell has which values, and the records of all cells as one Dataset."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from grok.checks import UserError
from grok.records.files import write_json
from grok.records.names import ERROR, RECORD, SUMMARY

MANIFEST, DATASET = "sweep.json", "sweep.nc"
SPARSE = 4  # where the grid of the swept values has so many times more places than there are cells, cells stay a list
STEPS = ("memorization_step", "generalization_step", "delay", "transition_width")  # of a summary; NaN: never

Keys = Mapping[str, Any]  # a cell's values of the keys that the sweep's command gives


def write_manifest(sweep: Path, cells: Mapping[str, Keys], *, axes: Sequence[str] = ()) -> None:
    """Note the cells of a sweep by their folders, besides those that are noted already, and the keys that are axes of
    its Dataset even if all cells agree in them."""
    write_json(sweep / MANIFEST, {"axes": list(axes), "cells": {**read_manifest(sweep), **cells}})


def read_manifest(sweep: Path) -> dict[str, Keys]:
    """The cells of a sweep by their folders; none where no sweep was begun.

    Raises:
        UserError: the file cannot be read.
    """
    return dict(_manifest(sweep)["cells"])


def swept(sweep: Path) -> list[str]:
    """The keys in which cells differ, or that are axes all the same, in the order of the command, the seed last."""
    manifest = _manifest(sweep)
    cells, axes = manifest["cells"].values(), manifest["axes"]
    names = {name: None for keys in cells for name in keys}
    varied = [name for name in names if name in axes or len({json.dumps(keys.get(name)) for keys in cells}) > 1]
    return sorted(varied, key=lambda name: name == "seed")


def status(folder: Path) -> tuple[str, str]:
    """How the cell in a folder stands: done, failed (with its error) or missing."""
    if (folder / ERROR).exists():
        return "failed", (folder / ERROR).read_text(encoding="utf-8").strip().splitlines()[-1]
    return ("done" if (folder / SUMMARY).exists() else "missing"), ""


def assemble(sweep: Path) -> xr.Dataset:
    """The records and summaries of all cells that have some, over the swept keys, `step`, and what measures add.

    `finished` says which cells are, `last_step` where each record ends; what a cell has no value for is NaN. Values
    that fill no grid, as an optimising sweeper's, lie along `cell`.

    Raises:
        UserError: no cell has a record, or one cannot be read.
    """
    cells = read_manifest(sweep)
    present = [number for number, name in enumerate(cells) if (sweep / name / RECORD).exists()]
    if not present:
        raise UserError(f"{sweep}: no cell of this sweep has a record yet")
    records = [_with_summary(sweep / [*cells][number]) for number in present]
    names = swept(sweep)
    values = {name: [_plain(keys.get(name)) for keys in cells.values()] for name in names}
    for name, of_cells in values.items():
        if any(isinstance(value, str) for value in of_cells):
            values[name] = [str(value) for value in of_cells]  # an axis is all numbers or all texts
    ticks = {name: sorted(set(of_cells)) for name, of_cells in values.items()}
    if names and np.prod([len(each) for each in ticks.values()]) > SPARSE * len(cells):
        dataset = _stacked(records, [(number,) for number in present], {"cell": [*cells]})
        dataset = dataset.assign_coords({name: ("cell", of_cells) for name, of_cells in values.items()})
    else:
        places = [tuple(ticks[name].index(values[name][number]) for name in names) for number in present]
        dataset = _stacked(records, places, ticks)
    shared = records[0].attrs
    same = {key: value for key, value in shared.items() if all(each.attrs.get(key) == value for each in records)}
    return dataset.assign_attrs(same).assign(finished=dataset["finished"] == 1)


def last_look(dataset: xr.Dataset, name: str) -> xr.DataArray:
    """A quantity at each cell's last look: NaN where it has no finite value there, or the cell has no record."""
    steps = dataset["step"].values
    last = xr.apply_ufunc(lambda step: np.searchsorted(steps, np.nan_to_num(step, nan=steps[0])), dataset["last_step"])
    return dataset[name].isel(step=last, drop=True).where(dataset["last_step"].notnull())


def looked_at(dataset: xr.Dataset) -> xr.DataArray:
    """At which steps each cell was looked at: others of the sweep may have been at more. Accuracy is never NaN."""
    return dataset["train_accuracy"].notnull()


def read_off(dataset: xr.Dataset, names: str | Sequence[str], curve: Callable[..., float]) -> xr.DataArray:
    """What `curve` makes of the steps at which each cell was looked at and of a quantity there, or of several together;
    NaN for a cell without a record. Other axes that a quantity has are kept."""
    together = [dataset[name] for name in ([names] if isinstance(names, str) else names)]
    if isinstance(curve, partial):  # Hydra's own kind takes a millisecond a call
        curve = partial(curve.func, *curve.args, **curve.keywords)
    broadcast = [each.transpose(..., "step") for each in xr.broadcast(looked_at(dataset), *together)]
    looked, *values = (each.values for each in broadcast)
    steps, dims = dataset["step"].values, broadcast[0].dims[:-1]
    found = np.full(looked.shape[:-1], np.nan)
    for place in np.ndindex(found.shape):
        own = looked[place]
        if own.any():
            found[place] = curve(steps[own], *[each[place][own] for each in values])
    return xr.DataArray(found, {dim: dataset[dim] for dim in dims}, dims)


def of_cells(
    dataset: xr.Dataset,
    names: str | Sequence[str],
    *,
    of_curve: Callable[..., float] | None = None,
    over_steps: bool = False,
) -> xr.DataArray:
    """A quantity of every cell: what `of_curve` reads off its curve, or off several quantities'; else the curve itself
    where all cells were looked at, or its last look; else the one value that it has."""
    if of_curve is not None:
        return read_off(dataset, names, of_curve)
    quantity = dataset[names if isinstance(names, str) else next(iter(names))]
    if over_steps:
        looked = looked_at(dataset)
        return quantity.isel(step=looked.all([dim for dim in looked.dims if dim != "step"]).values)
    return last_look(dataset, str(quantity.name)) if "step" in quantity.dims else quantity


def _manifest(sweep: Path) -> dict[str, Any]:
    path = sweep / MANIFEST
    if not path.exists():
        return {"axes": [], "cells": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"axes": list(found["axes"]), "cells": dict(found["cells"])}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a sweep's list of cells ({error})") from error


def _with_summary(folder: Path) -> xr.Dataset:
    """A cell's record with what its summary adds, where it is finished."""
    try:
        record = xr.load_dataset(folder / RECORD, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / RECORD}: cannot be read as a record ({error})") from error
    record["last_step"] = ((), float(record["step"][-1]), {"long_name": "last step of the record", "units": "step"})
    record["finished"] = ((), float((folder / SUMMARY).exists()))
    record["n_parameters"] = ((), float(record.attrs.get("n_parameters", np.nan)), {"long_name": "parameters"})
    if (folder / SUMMARY).exists():
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        for name in STEPS:
            record[name] = ((), np.nan if summary.get(name) is None else float(summary[name]), {"units": "step"})
        record["phase"] = ((), summary["phase"])
    return record


def _stacked(
    records: Sequence[xr.Dataset], places: Sequence[tuple[int, ...]], ticks: Mapping[str, Sequence[Any]]
) -> xr.Dataset:
    """The records put in their places on the grid of ticks, over all steps and labels that any of them has."""
    labels = _labels(records)
    shape = tuple(len(each) for each in ticks.values())
    first: dict[str, xr.DataArray] = {}
    for record in records:
        first = {**{str(name): array for name, array in record.data_vars.items()}, **first}
    variables = {}
    for name, array in first.items():
        dims = [str(dim) for dim in array.dims]
        text = array.dtype.kind in "UO"
        kinds = [record[name].dtype for record in records if name in record]
        inner = [len(labels[dim]) for dim in dims]
        stacked = np.full((*shape, *inner), "" if text else np.nan, dtype=object if text else _gaps(kinds))
        for record, place in zip(records, places, strict=True):
            if name in record:
                at: Any = np.ix_(*[[labels[dim][label] for label in record[dim].values.tolist()] for dim in dims])
                stacked[(*place, *at)] = record[name].values
        variables[name] = ([*ticks, *dims], stacked.astype(str) if text else stacked, array.attrs)
    coordinates = {
        dim: (dim, [*index], records[0][dim].attrs if dim in records[0] else {}) for dim, index in labels.items()
    }
    return xr.Dataset(variables, {**coordinates, **ticks})


def _labels(records: Sequence[xr.Dataset]) -> dict[str, dict[Any, int]]:
    """The ticks of `step` and of the axes that measures add, each with its place: steps in order, others as found."""
    found: dict[str, dict[Any, None]] = {}
    for record in records:
        for dim in record.dims:
            found.setdefault(str(dim), {}).update(dict.fromkeys(record[dim].values.tolist()))
    ordered = {dim: sorted(ticks) if dim == "step" else [*ticks] for dim, ticks in found.items()}
    return {dim: {tick: number for number, tick in enumerate(ticks)} for dim, ticks in ordered.items()}


def _gaps(kinds: Sequence[np.dtype]) -> np.dtype:
    """The type that values of all these types have beside NaN: rings in half precision stay as small as they are."""
    return np.result_type(*[kind if kind.kind == "f" else float for kind in kinds])


def _plain(value: Any) -> Any:
    """A coordinate: a number or a text."""
    return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else json.dumps(value)
