"""Arrays that are made once, from a source that is slow to read, and kept in a small file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from grok.checks import UserError

Arrays = dict[str, np.ndarray]


def kept(path: Path, *, rule: str, make: Callable[[], Mapping[str, np.ndarray]]) -> Arrays:
    """The arrays in the file at `path`, if they were made by this rule; else those that `make` gives, which the file
    then holds. `rule` names all that the arrays depend on: the source's checksum, and what is made of it.

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
        raise UserError(f"{path}: damaged ({error}); remove it, and it is made anew") from error


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the file whole or not at all; processes that make it at the same time do not meet."""
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
