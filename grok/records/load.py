"""Reading back what runs and sweeps left."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from grok.checks import UserError
from grok.records.names import CONFIG, RECORD
from grok.records.sweep import DATASET, MANIFEST, assemble


def load(path: str | Path) -> xr.Dataset:
    """The record of a run or of a whole sweep: its folder, or the `record.nc` or `sweep.nc` in it.

    Dimensions: a sweep's swept keys, step, and what its measures add. A sweep that has not ended is put together from
    the cells that have a record so far.

    Raises:
        UserError: there is no record at the path, or it cannot be read.
    """
    path = Path(path)
    if path.is_dir() and (path / MANIFEST).exists() and not (path / DATASET).exists():
        return assemble(path)
    file = path / (DATASET if (path / DATASET).exists() else RECORD) if path.is_dir() else path
    if not file.is_file():
        if file.name == RECORD and (file.parent / CONFIG).exists():
            raise UserError(f"{file}: this run has not saved its record yet")
        raise UserError(
            f"{file}: no record there; give the folder of a run or of a sweep, such as runs/mnist_grok/<time>"
        )
    try:
        return xr.load_dataset(file, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as a record ({error})") from error
