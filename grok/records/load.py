"""Loading the records of runs and sweeps."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from grok.checks import UserError
from grok.old_names import refuse_old_record
from grok.records.file_names import CONFIG, RECORD
from grok.records.sweep import DATASET, MANIFEST, assemble, read_manifest


def load(path: str | Path) -> xr.Dataset:
    """The record of a run or of a whole sweep: its folder, or the `record.nc` or `sweep.nc` in it.

    Dimensions: the swept keys, `step`, and those that measures add. A sweep that has not ended is assembled from the
    runs that have a record so far.

    Raises:
        UserError: there is no record at the path, or it cannot be read.
    """
    path = Path(path)
    if path.is_dir() and (path / MANIFEST).exists() and not (path / DATASET).exists():
        return assemble(path)
    if path.is_dir():
        read_manifest(path)  # refuses a sweep with old names
    file = path / (DATASET if (path / DATASET).exists() else RECORD) if path.is_dir() else path
    if not file.is_file():
        if file.name == RECORD and (file.parent / CONFIG).exists():
            raise UserError(f"{file}: this run has not saved its record yet")
        raise UserError(f"{file}: no record; give the folder of a run or of a sweep, such as runs/mnist_grok/<time>")
    try:
        record = xr.load_dataset(file, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as a record ({error})") from error
    refuse_old_record(record.attrs, [*map(str, [*record.variables, *record.dims])], source=str(file))
    return record
