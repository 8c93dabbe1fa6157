"""Writing files so that a kill at any moment leaves the old file or the new one, never a part."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from grok.checks import UserError

LARGE = 2**14  # bytes of a quantity, from which on compressing it saves more than it adds


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in the place of `path` in one move.

    Raises:
        UserError: the folder is full or cannot be written; the old file is left as it was.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        write(part)
        with part.open("rb") as written:
            os.fsync(written.fileno())  # the move must not reach the disk before the content does
        part.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror or error}); what was there before is unharmed"
        ) from error
    finally:
        part.unlink(missing_ok=True)  # there only where `write` failed


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    write_atomically(path, lambda part: part.write_bytes(content))


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_dataset(path: Path, dataset: xr.Dataset, *, compressed: bool = False) -> None:
    """Write a netCDF file atomically: made in memory first, so that a full disk is the file system's own error. Numbers
    are `compressed` without loss where it is to be kept and not to be written again and again."""
    gzip = {"zlib": True, "complevel": 6, "shuffle": True}
    large = [name for name, each in dataset.items() if each.nbytes >= LARGE and each.dtype.kind in "bif"]
    encoding = {name: gzip for name in large if compressed}
    write_bytes(path, bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding)))
