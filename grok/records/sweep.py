"""A sweep's folder: its list of runs, and the records of all runs as one Dataset."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from grok.checks import UserError
from grok.old_names import refuse_old_manifest, refuse_old_record
from grok.records.file_names import CHECKPOINT, ERROR, RECORD, SUMMARY
from grok.records.files import write_json

MANIFEST, DATASET = "sweep.json", "sweep.nc"
# If the grid of the swept values has this many times as many points as there are runs, the runs are one dimension.
SPARSE_GRID_FACTOR = 4
# of a summary; NaN: never reached, or the run is unfinished
STEP_NAMES = ("memorization_step", "generalization_step", "delay", "transition_width")
STEP_NAMES_BY_LOSS = (
    "memorization_step_by_loss",
    "generalization_step_by_loss",
    "delay_by_loss",
)  # if there is a threshold

Keys = Mapping[str, Any]  # a run's values of the swept keys


def variables_of_run(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The variables with one value per run in a sweep's Dataset, for records with these attributes."""
    by_loss = STEP_NAMES_BY_LOSS if "memorization_loss_threshold" in attributes else ()
    return ("last_step", "finished", "n_parameters", *STEP_NAMES, *by_loss, "phase")


def write_manifest(sweep: Path, runs: Mapping[str, Keys], *, axes: Sequence[str] = ()) -> None:
    """Add runs, by their folders, to the sweep's list of runs; `axes` are the keys that are dimensions of its Dataset
    even if all runs agree in them."""
    write_json(sweep / MANIFEST, {"axes": list(axes), "runs": {**read_manifest(sweep), **runs}})


def read_manifest(sweep: Path) -> dict[str, Keys]:
    """The swept keys of a sweep's runs, by their folders; empty if there is no sweep.

    Raises:
        UserError: the file cannot be read.
    """
    return dict(_manifest(sweep)["runs"])


def swept_keys(sweep: Path) -> list[str]:
    """The keys in which runs differ, and those that are axes anyway, in the order of the command, the seed last."""
    manifest = _manifest(sweep)
    runs, axes = manifest["runs"].values(), manifest["axes"]
    names = {name: None for keys in runs for name in keys}
    varied = [name for name in names if name in axes or len({json.dumps(keys.get(name)) for keys in runs}) > 1]
    return sorted(varied, key=lambda name: name == "seed")


def status(folder: Path) -> tuple[str, str]:
    """The status of the run in a folder, and the error of a failed run.

    It is done, failed, stopped (not finished, with a checkpoint) or missing (without one).
    """
    if (folder / ERROR).exists():
        return "failed", (folder / ERROR).read_text(encoding="utf-8").strip().splitlines()[-1]
    if (folder / SUMMARY).exists():
        return "done", ""
    return ("stopped" if (folder / CHECKPOINT).exists() else "missing"), ""


def assemble(sweep: Path) -> xr.Dataset:
    """The records and summaries of all runs, over the swept keys, `step`, and the dimensions that measures add.

    `finished` says which runs are finished, `last_step` where each record ends. Missing numbers are NaN, missing
    strings are empty. Swept values that do not fill a grid, such as an optimizing sweeper's, are coordinates of the
    dimension `run`.

    Raises:
        UserError: no run has a record, or one cannot be read.
    """
    runs = read_manifest(sweep)
    present = [index for index, name in enumerate(runs) if (sweep / name / RECORD).exists()]
    if not present:
        raise UserError(f"{sweep}: no run of this sweep has a record yet")
    records = [_with_summary(sweep / [*runs][index]) for index in present]
    names = swept_keys(sweep)
    refused = {index for index, name in enumerate(runs) if index not in present and status(sweep / name)[0] == "failed"}
    values = {name: _coordinates([keys.get(name) for keys in runs.values()], refused) for name in names}
    axes = {name: _axis(run_values) for name, run_values in values.items()}
    if names and np.prod([len(each) for each in axes.values()]) > SPARSE_GRID_FACTOR * len(runs):
        on_axes = [index for index in range(len(runs)) if None not in (values[name][index] for name in names)]
        along_runs = [(on_axes.index(index),) for index in present]
        dataset = _stack_on_grid(records, along_runs, {"run": [[*runs][index] for index in on_axes]})
        coordinates = {name: ("run", [run_values[index] for index in on_axes]) for name, run_values in values.items()}
        dataset = dataset.assign_coords(coordinates)
    else:
        positions = [tuple(axes[name].index(values[name][index]) for name in names) for index in present]
        dataset = _stack_on_grid(records, positions, axes)
    attributes = records[0].attrs
    shared = {key: value for key, value in attributes.items() if all(each.attrs.get(key) == value for each in records)}
    return dataset.assign_attrs(shared).assign(finished=dataset["finished"] == 1)


def _manifest(sweep: Path) -> dict[str, Any]:
    path = sweep / MANIFEST
    if not path.exists():
        return {"axes": [], "runs": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        refuse_old_manifest(found, source=str(path))
        return {"axes": list(found["axes"]), "runs": dict(found["runs"])}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a sweep's list of runs ({error})") from error


def _with_summary(folder: Path) -> xr.Dataset:
    """A run's record with the entries of its summary, if it is finished."""
    try:
        record = xr.load_dataset(folder / RECORD, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / RECORD}: cannot be read as a record ({error})") from error
    refuse_old_record(record.attrs, [*map(str, record.variables)], source=str(folder / RECORD))
    added: dict[str, Any] = {
        "last_step": ((), float(record["step"][-1]), {"long_name": "last step of the record", "units": "step"}),
        "finished": ((), float((folder / SUMMARY).exists())),
        "n_parameters": ((), float(record.attrs.get("n_parameters", np.nan)), {"long_name": "parameters"}),
    }
    if (folder / SUMMARY).exists():
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        by_loss = STEP_NAMES_BY_LOSS if "memorization_loss_threshold" in record.attrs else ()
        for name in (*STEP_NAMES, *by_loss):
            added[name] = ((), np.nan if summary.get(name) is None else float(summary[name]), {"units": "step"})
        added["phase"] = ((), summary["phase"] or "")
    return record.assign(added)


def _stack_on_grid(
    records: Sequence[xr.Dataset], positions: Sequence[tuple[int, ...]], axes: Mapping[str, Sequence[Any]]
) -> xr.Dataset:
    """The records at their positions on the grid of swept values, over all steps and labels that any of them has."""
    labels = _labels(records)
    shape = tuple(len(each) for each in axes.values())
    first: dict[str, xr.DataArray] = {}
    for record in records:
        first = {**{str(name): array for name, array in record.data_vars.items()}, **first}
    variables = {}
    for name, array in first.items():
        dims = [str(dim) for dim in array.dims]
        text = array.dtype.kind in "UO"
        dtypes = [record[name].dtype for record in records if name in record]
        inner = [len(labels[dim]) for dim in dims]
        stacked = np.full((*shape, *inner), "" if text else np.nan, dtype=object if text else _dtype_with_nan(dtypes))
        for record, position in zip(records, positions, strict=True):
            if name in record:
                at: Any = np.ix_(*[[labels[dim][label] for label in record[dim].values.tolist()] for dim in dims])
                stacked[(*position, *at)] = record[name].values
        variables[name] = ([*axes, *dims], stacked.astype(str) if text else stacked, array.attrs)
    coordinates = {
        dim: (dim, [*index], records[0][dim].attrs if dim in records[0] else {}) for dim, index in labels.items()
    }
    return xr.Dataset(variables, {**coordinates, **axes})


def _labels(records: Sequence[xr.Dataset]) -> dict[str, dict[Any, int]]:
    """The values of `step` and of the dimensions that measures add, each with its index; only steps are sorted."""
    found: dict[str, dict[Any, None]] = {}
    for record in records:
        for dim in record.dims:
            found.setdefault(str(dim), {}).update(dict.fromkeys(record[dim].values.tolist()))
    ordered = {dim: sorted(values) if dim == "step" else [*values] for dim, values in found.items()}
    return {dim: {value: index for index, value in enumerate(values)} for dim, values in ordered.items()}


def _dtype_with_nan(dtypes: Sequence[np.dtype]) -> np.dtype:
    """A type for values of all these types and NaN; half precision stays half precision."""
    return np.result_type(*[dtype if dtype.kind == "f" else float for dtype in dtypes])


def _coordinates(values: Sequence[Any], refused: Collection[int]) -> list[Any]:
    """The runs' values of a swept key as coordinates, all numbers or all strings.

    None for a refused value that is no finite number: it would turn an axis of numbers into strings.
    """
    kept = {index: each for index, each in enumerate(values) if index not in refused or _is_finite(each)}
    are_numbers = all(isinstance(each, float) or _is_finite(each) for each in kept.values())
    return [_coordinate(each, as_number=are_numbers) if index in kept else None for index, each in enumerate(values)]


def _coordinate(value: Any, *, as_number: bool) -> Any:
    """A swept value as a number or a string; always the same NaN, so that it equals itself."""
    if as_number:
        return math.nan if math.isnan(value) else value
    return value if isinstance(value, str) else json.dumps(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _axis(coordinates: Sequence[Any]) -> list[Any]:
    """The different coordinates in order: numbers, also those in strings, then NaN, then other strings."""

    def position(value: Any) -> tuple[bool, bool, float, str]:
        try:
            number = float(value)
        except ValueError:
            return True, False, 0.0, value
        return False, math.isnan(number), number, ""

    return sorted({value for value in coordinates if value is not None}, key=position)
