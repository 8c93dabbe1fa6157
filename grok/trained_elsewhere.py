"""A network that was trained elsewhere to add, measured.

python -m grok.trained_elsewhere weights.npz [--attention 0] [--fraction 0.3] [--split-seed 1] [--out folder]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import xarray as xr
from rich.console import Console
from rich.table import Table

from grok.checks import MISTAKE, UserError, number
from grok.measures.addition import OPERATIONS
from grok.measures.trained_elsewhere import measures
from grok.models.foreign import load_weights
from grok.models.transformer_layers import ACTIVATIONS
from grok.records.files import write_dataset
from grok.records.names import RECORD
from grok.reports.maps import Maps
from grok.reports.ring_gallery import RingGallery

TITLE, NUMBER = 28, 13  # characters: what a quantity's name is to have at least, and what a column of numbers takes
# Those that have something to show of a single look.
PICTURES: dict[str, RingGallery | Maps] = {"rings.png": RingGallery(), "maps.png": Maps()}


def tables(record: xr.Dataset, *, width: int) -> Iterator[Table]:
    """The numbers of the network, and those of its key frequencies: a column for each, as many as the width has room
    for, and what is left in further tables."""
    whole = Table("measure", title="network")
    whole.add_column("value", justify="right")
    for array in record.data_vars.values():
        if array.dims in ((), ("step",)):
            whole.add_row(str(array.attrs["long_name"]), _number(float(array.values.flat[-1]), digits=6))
    yield whole
    end = record.isel(step=-1)
    keys = end["frequency"].values[end["key_frequency"].values > 0].tolist()
    by_frequency = [each for name, each in end.items() if each.dims == ("frequency",) and name != "key_frequency"]
    size = max(1, (width - TITLE) // NUMBER)
    for first in range(0, len(keys), size):
        table = Table("k", title="key frequencies, by W_L" + (", continued" if first else ""))
        shown = keys[first : first + size]
        for k in shown:
            table.add_column(str(k), justify="right", no_wrap=True)
        for each in by_frequency:
            numbers = each.sel(frequency=shown).values
            table.add_row(str(each.attrs["long_name"]), *[_number(float(value), digits=4) for value in numbers])
        yield table


def leave(record: xr.Dataset, folder: Path) -> list[Path]:
    """Write the record, which `grok.load(folder)` reads, and the pictures that it has something for.

    Raises:
        UserError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out={folder}: cannot be made ({error.strerror or error})") from error
    write_dataset(folder / RECORD, record)
    return [folder / RECORD, *[picture.draw(record, folder / name) for name, picture in PICTURES.items()]]


def _number(value: float, *, digits: int) -> str:
    """A number; a dash for what the network has not, as wrong labels that an anomaly score could find."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "–"


def _measured(given: argparse.Namespace) -> xr.Dataset:
    """The record of the network that the command names."""
    number("--fraction", given.fraction, above=0, below=1)
    if not 0 <= given.attention <= 1:
        raise UserError(f"--attention={given.attention}: must be a number from 0 to 1")
    model, p = load_weights(given.weights, attention=given.attention, activation=given.activation, causal=given.causal)
    try:
        record = measures(model, p, operation=given.operation, fraction=given.fraction, split_seed=given.split_seed)
    except UserError as error:
        raise UserError(f"{given.weights}: {error}") from error
    also = {"attention": given.attention, "activation": given.activation, "causal": int(given.causal)}
    return record.assign_attrs(weights=str(given.weights), **also)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and leave what is asked for; gives the exit code."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m grok.trained_elsewhere", description=__doc__, formatter_class=raw)
    parser.add_argument(
        "weights", type=Path, help=".npz, .pt, .pth or .safetensors, named as Nanda et al. or TransformerLens name them"
    )
    parser.add_argument(
        "--attention", type=float, default=1.0, help="coefficient c of Clock and Pizza (default: 1, softmax)"
    )
    parser.add_argument("--activation", choices=tuple(ACTIVATIONS), default="relu")
    parser.add_argument(
        "--causal",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether a position attends to what is before it alone; tells from two layers on",
    )
    parser.add_argument("--operation", choices=OPERATIONS, default="add")
    parser.add_argument("--fraction", type=float, default=0.3, help="of the pairs, trained on (default: 0.3)")
    parser.add_argument("--split-seed", type=int, default=0, help="of random.seed, by which the pairs were shuffled")
    parser.add_argument("--out", type=Path, help="a folder for the record and the pictures")
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=False, markup=False)
    try:
        record = _measured(given)
        left = leave(record, given.out) if given.out else []
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    for table in tables(record, width=console.width):
        console.print(table)
    for path in left:
        console.print(path, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
