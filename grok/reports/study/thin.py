"""Small results: the part of a sweep's Dataset that its study needs, and pictures with few colors."""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from grok.records.files import write_bytes
from grok.reports.study.study import Study

ALWAYS = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")  # of small sweeps, for the notebooks
MAX_VALUES = 20_000  # of one quantity of a small sweep, over all runs and evaluation steps; larger arrays are rounded
SIGNIFICANT_BITS = (8, 10, 13, 16, 19, 23)  # of float32; as few as the verdicts allow
MAX_UNREAD = 200_000  # values of one quantity; the rows of larger ones that nothing reads are left blank
MIN_ROWS = 100  # along the last axis but one, which are left blank together
MAX_PICTURE_BYTES = 120_000
COLORS = 192
TOLERANCE = 1e-3  # between the measured values before and after, relative


def thin(dataset: xr.Dataset, study: Study) -> xr.Dataset:
    """The quantities that the study needs, curves and large arrays rounded to as few bits as its verdicts allow.

    A quantity is needed if a verdict or a pixel of the figure changes without it. Rounded numbers are float32, whose
    last bits are zero, so that they compress well. Each measured value changes by at most 1 part in 1,000. Those
    of a study that trains nothing are exact and not rounded. Of very large arrays, such as the texts of all clusters,
    rows that change no verdict and no pixel are NaN.
    """
    kept, before = dataset[_needed(dataset, study)], study.judge(dataset)
    if study.data is not None:
        return kept
    tables = {name: array for name, array in kept.items() if array.ndim > 1 and array.dtype.kind == "f"}
    for name in [name for name, array in tables.items() if array.size > MAX_UNREAD]:
        kept = kept.assign({name: _without_unread_rows(kept, study, str(name))})
    numbers = {str(name): array for name, array in kept.items() if array.dtype.kind == "f"}
    rounded_names = [name for name, array in numbers.items() if "step" in array.dims or array.size > MAX_VALUES]
    for name in sorted(rounded_names, key=lambda name: -kept[name].size):
        for bits in SIGNIFICANT_BITS:
            rounded = kept.assign({name: _rounded(kept[name], bits)})
            if _agree(before, study.judge(rounded)):
                kept = rounded
                break
    return kept


def compact_picture(path: Path) -> None:
    """Rewrite a PNG with a palette, and with fewer pixels if it is still larger than `MAX_PICTURE_BYTES`."""
    picture, factor = Image.open(io.BytesIO(path.read_bytes())).convert("RGB"), 1.0
    while True:
        size = (round(picture.width * factor), round(picture.height * factor))
        smaller = picture if factor == 1 else picture.resize(size, Image.Resampling.LANCZOS)
        content = io.BytesIO()
        palette = smaller.quantize(COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette.save(content, "PNG", optimize=True)
        if content.tell() <= MAX_PICTURE_BYTES:
            write_bytes(path, content.getvalue())
            return
        factor *= 0.9


def _needed(dataset: xr.Dataset, study: Study) -> list[str]:
    """The quantities without which the outputs change, found by leaving out ever smaller groups of them."""
    kept = [str(name) for name in dataset.data_vars]
    with tempfile.TemporaryDirectory() as folder:
        expected = _outputs(dataset, study, Path(folder))

        def leave_out(group: Sequence[str]) -> None:
            nonlocal kept
            rest = [name for name in kept if name not in group]
            if rest and _outputs(dataset[rest], study, Path(folder)) == expected:
                kept = rest
            elif len(group) > 1:
                leave_out(group[: len(group) // 2])
                leave_out(group[len(group) // 2 :])

        leave_out([name for name in kept if not (name in ALWAYS and dataset[name].size <= MAX_VALUES)])
    return kept


def _without_unread_rows(dataset: xr.Dataset, study: Study, name: str) -> xr.DataArray:
    """A quantity whose rows are NaN where the outputs stay the same, found by blanking ever smaller blocks of them."""
    rows = dataset[name].values.reshape(-1, dataset.sizes[dataset[name].dims[-1]]).copy()
    shape = dataset[name].shape
    with tempfile.TemporaryDirectory() as folder:
        expected = _outputs(dataset, study, Path(folder))

        def blank(start: int, stop: int) -> None:
            before = rows[start:stop].copy()
            rows[start:stop] = np.nan
            array = dataset[name].copy(data=rows.reshape(shape))
            if _outputs(dataset.assign({name: array}), study, Path(folder)) == expected:
                return
            rows[start:stop] = before
            if stop - start > MIN_ROWS:
                middle = (start + stop) // 2
                blank(start, middle)
                blank(middle, stop)

        for run in range(math.prod(shape[:-2])):
            blank(run * shape[-2], (run + 1) * shape[-2])
    return dataset[name].copy(data=rows.reshape(shape))


def _outputs(dataset: xr.Dataset, study: Study, folder: Path) -> tuple[str, bytes] | None:
    """The verdicts and the figure; None if the Dataset lacks what they need."""
    try:
        return repr(study.judge(dataset)), study.figure(dataset, folder / "figure.png").read_bytes()
    except Exception:  # a figure function raises whatever a missing quantity makes it raise
        return None


def _rounded(array: xr.DataArray, bits: int) -> xr.DataArray:
    """Numbers as float32 with this many significant bits after the first."""
    values = array.values.astype(np.float32)
    integers, dropped = values.view(np.int32), 23 - bits
    if dropped:
        half, finite = np.int32(1 << (dropped - 1)), np.isfinite(values)
        integers[finite] = ((integers[finite] + half) >> dropped) << dropped
    return array.copy(data=integers.view(np.float32))


def _agree(before: Sequence[dict[str, object]], after: Sequence[dict[str, object]]) -> bool:
    """Whether the verdicts agree: each holds as before, and its numbers are equal to the tolerance."""
    for one, other in zip(before, after, strict=True):
        for key in ("holds", "measured", "low", "high"):
            values = one[key], other[key]
            if all(isinstance(value, float) for value in values):
                if not math.isclose(*values, rel_tol=TOLERANCE, abs_tol=1e-9):  # type: ignore[arg-type]
                    return False
            elif values[0] != values[1]:
                return False
    return True
