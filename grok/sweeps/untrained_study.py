"""A study that trains nothing: its data are read, its claims judged, its figure drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import xarray as xr
from rich.console import Console

from grok.checks import UserError
from grok.records.files import write_dataset
from grok.records.provenance import provenance
from grok.records.sweep import DATASET, write_manifest
from grok.reports.study.data import as_sweep, files_read
from grok.reports.study.study import Study
from grok.sweeps.run_dir import lock_dir


def report_untrained_study(study: Study, sweep: Path, console: Console, attributes: Mapping[str, str]) -> None:
    """Write the Dataset, the verdicts and the figure into the folder of a study that has `data`.

    The Dataset has the provenance of a record: the code, the packages, and the files that were read.

    Raises:
        UserError: the data are no Dataset, or lack what a claim needs.
    """
    with files_read() as files:
        found = study.data() if study.data is not None else None
    if not isinstance(found, xr.Dataset):
        raise UserError(f"study.data: must return an xarray Dataset, not {type(found).__name__}")
    checksums = [f"sha256 {each}" for each in files.values()]
    sources = {"data_source": "; ".join(files), "data_checksum": "; ".join(checksums) or "none"}
    dataset = as_sweep(found).assign_attrs({**provenance(), **sources, **attributes})
    study.judge(dataset)  # a mistake in a claim leaves no folder
    with lock_dir(sweep, key="hydra.sweep.dir"):
        write_manifest(sweep, {})
        write_dataset(sweep / DATASET, dataset)
        console.print(sweep / DATASET)
        study.report(dataset, sweep, console)
