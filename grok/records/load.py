"""Reading back what runs left."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from grok.checks import UserError


def load(path: str | Path) -> xr.Dataset:
    """The record of a run: its folder, or the `record.nc` in it. Dimensions: step, and what its measures add.

    Raises:
        UserError: there is no record at the path, or it cannot be read.
    """
    path = Path(path)
    file = path / "record.nc" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{file}: no record there; give the folder of a run, such as runs/mnist_grok/<time>")
    try:
        return xr.load_dataset(file, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as a record ({error})") from error
