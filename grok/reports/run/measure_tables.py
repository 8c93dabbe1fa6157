"""Tables of a record's measures for the terminal: over steps, and at the last step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import xarray as xr
from rich.table import Table

NAME_WIDTH, NUMBER_WIDTH = 28, 13  # characters: at least for a quantity's name, and for a column of numbers
MAX_ROWS = 20  # of the table over steps
OVER_STEPS = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")


def tables(record: xr.Dataset, *, width: int) -> Iterator[Table]:
    """The tables to print: performance over steps, if there are several; the scalars at the last step; the key
    frequencies with one column each, if there are any.

    More key frequencies than fit into `width` characters continue in further tables.
    """
    if len(record["step"]) > 1:
        yield _over_steps(record)
    end = record.isel(step=-1)
    yield _scalars(record)
    keys = end["frequency"].values[end["key_frequency"].values > 0].tolist() if "key_frequency" in end else []
    n_columns = max(1, (width - NAME_WIDTH) // NUMBER_WIDTH)
    for first in range(0, len(keys), n_columns):
        title = "key frequencies, by W_L" + (", continued" if first else "")
        yield _by_frequency(end, keys[first : first + n_columns], title)


def _over_steps(record: xr.Dataset) -> Table:
    """A row for each step, or for some of many, equally spaced in number from the first to the last."""
    n_steps = len(record["step"])
    n_rows = min(n_steps, MAX_ROWS)
    rows = [round(row * (n_steps - 1) / (n_rows - 1)) for row in range(n_rows)]
    table = Table("step", title="over steps" + (f" ({MAX_ROWS} of {n_steps:,})" if n_steps > MAX_ROWS else ""))
    for name in OVER_STEPS:
        table.add_column(str(record[name].attrs["long_name"]), justify="right")
    for row in rows:
        values = [_number(float(record[name][row]), digits=4) for name in OVER_STEPS]
        table.add_row(f"{int(record['step'][row]):,}", *values)
    return table


def _scalars(record: xr.Dataset) -> Table:
    """A row for each scalar quantity at the last step."""
    table = Table("measure", title=f"at step {record['step'].values[-1]:,}" if len(record["step"]) > 1 else "network")
    table.add_column("value", justify="right")
    for array in record.data_vars.values():
        if array.dims in ((), ("step",)):
            table.add_row(str(array.attrs["long_name"]), _number(float(array.values.flat[-1]), digits=6))
    return table


def _by_frequency(record: xr.Dataset, frequencies: Sequence[int], title: str) -> Table:
    """A row for each quantity over frequencies, and a column for each of these frequencies."""
    table = Table("k", title=title)
    for k in frequencies:
        table.add_column(str(k), justify="right", no_wrap=True)
    for name, array in record.items():
        if array.dims == ("frequency",) and name != "key_frequency":
            values = array.sel(frequency=[*frequencies]).values
            table.add_row(str(array.attrs["long_name"]), *[_number(float(value), digits=4) for value in values])
    return table


def _number(value: float, *, digits: int) -> str:
    """The formatted number; a dash for NaN, such as the AUROC for wrong labels if no label is wrong."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "–"
