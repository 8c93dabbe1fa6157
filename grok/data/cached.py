"""Arrays that are slow to make from their source: made once, then cached in a small file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from grok.checks import UserError

Arrays = dict[str, np.ndarray]


def cached(path: Path, *, rule: str, make: Callable[[], Mapping[str, np.ndarray]]) -> Arrays:
    """The arrays in the file at `path` if it was written with this rule, else the arrays that `make` returns.

    New arrays are written to the file. `rule` names everything that determines the arrays: the checksum of the source,
    and the version of the processing.

    Raises:
        UserError: the file is damaged, or cannot be written.
    """
    if path.exists():
        arrays = _read(path)
        if str(arrays.pop("rule", "")) == rule:
            return arrays
    arrays = dict(make())
    _write(path, {**arrays, "rule": np.array(rule)})
    return arrays


def _read(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UserError(f"{path}: damaged ({error}); remove it, and it will be created again") from error


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the file atomically. Processes that write it at the same time do not disturb each other."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"task.folder: {path} cannot be written ({error.strerror or error})") from error
