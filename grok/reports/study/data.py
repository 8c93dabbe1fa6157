"""The Dataset of a study that trains nothing: a table, or the kept Dataset of another study."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import numpy as np
import xarray as xr

from grok.checks import UserError
from grok.records.load import load
from grok.records.sweep import DATASET

ROOT = Path(__file__).parents[3]
_files: ContextVar[dict[str, str] | None] = ContextVar("_files", default=None)


@contextmanager
def files_read() -> Iterator[dict[str, str]]:
    """The files that `table` and `result` read within this block: the SHA-256 of each, by its name."""
    found: dict[str, str] = {}
    token = _files.set(found)
    try:
        yield found
    finally:
        _files.reset(token)


def table(*, path: str) -> xr.Dataset:
    """The columns of a CSV file, each along `row`: numbers, with NaN for an empty field, or texts.

    The path is relative to the working directory or, if there is no such file, to the folder of this project.

    Raises:
        UserError: the file cannot be read as a table.
    """
    file = Path(path) if Path(path).exists() else ROOT / path
    try:
        head, *rows = csv.reader(file.read_text(encoding="utf-8").splitlines())
        columns = list(zip(*rows, strict=True))
        if len(head) != len(columns):
            raise ValueError(f"{len(head)} names for {len(columns)} columns")
    except (OSError, ValueError) as error:
        raise UserError(f"study.data: {file} cannot be read as a table ({error})") from error
    variables = {name: ("row", _column(column)) for name, column in zip(head, columns, strict=True)}
    _note(path, file)
    return xr.Dataset(variables)


def result(*, study: str, scale: str) -> xr.Dataset:
    """The kept Dataset of a study, `results/<study>/<scale>/sweep.nc`.

    Raises:
        UserError: the study has no result at this scale.
    """
    name = f"results/{study}/{scale}/{DATASET}"
    found = load(ROOT / name)
    _note(name, ROOT / name)
    return found


def as_sweep(dataset: xr.Dataset) -> xr.Dataset:
    """The Dataset as one of a finished sweep, with one seed if it has none."""
    if "seed" not in dataset.dims:
        dataset = dataset.expand_dims(seed=[0])
    if "finished" in dataset:
        return dataset
    return dataset.assign(finished=("seed", np.ones(dataset.sizes["seed"], bool)))


def _note(name: str, file: Path) -> None:
    """Note that a file was read, in the innermost block of `files_read`."""
    if (files := _files.get()) is not None:
        files[name] = hashlib.sha256(file.read_bytes()).hexdigest()


def _column(texts: Sequence[str]) -> np.ndarray:
    with suppress(ValueError):
        return np.array([float(text) if text else np.nan for text in texts])
    return np.array(texts)
