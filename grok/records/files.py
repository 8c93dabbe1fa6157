"""Atomic writes: a kill at any moment leaves the old file or the new one, never a part."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr
import yaml

from grok.checks import UserError

COMPRESSED_FROM = 2**14  # bytes of a variable from which compression saves more than it adds


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it to `path`.

    Raises:
        UserError: the folder is full or cannot be written; the old file is intact.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        write(part)
        with part.open("rb") as written:
            os.fsync(written.fileno())  # the content must reach the disk before the move does
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error}); the old file is intact") from error
    finally:
        part.unlink(missing_ok=True)  # it exists only if `write` failed


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    write_atomically(path, lambda part: part.write_bytes(content))


def as_yaml(content: Mapping[str, Any]) -> str:
    """A configuration as YAML, in its own order."""
    return yaml.dump(dict(content), Dumper=yaml.CSafeDumper, sort_keys=False)  # about ten times as fast as `safe_dump`


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_dataset(path: Path, dataset: xr.Dataset, *, compressed: bool = False) -> None:
    """Write a netCDF file atomically; `compressed`, without loss, for files that are written once and kept.

    The file is made in memory first, so that a full disk raises the file system's own error.
    """
    gzip = {"zlib": True, "complevel": 6, "shuffle": True}
    large = [name for name, each in dataset.variables.items() if each.nbytes >= COMPRESSED_FROM]
    numbers = [name for name in large if dataset[name].dtype.kind in "bif"] if compressed else []
    encoding = {name: {**gzip, "chunksizes": dataset[name].shape} for name in numbers}  # small chunks take much space
    write_bytes(path, bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding)))
