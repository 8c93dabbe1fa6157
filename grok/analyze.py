"""Measure a pretrained network of modular addition.

python -m grok.analyze weights.npz [--attention-coefficient 0] [--fraction 0.3] [--split-seed 1] [--out folder]
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

from grok.checks import EXIT_USER_ERROR, UserError, check_float
from grok.measures.addition import OPERATIONS
from grok.measures.pretrained import measure_pretrained
from grok.models.pretrained import load_weights
from grok.models.transformer_layers import ACTIVATIONS
from grok.records.file_names import RECORD
from grok.records.files import write_dataset
from grok.reports.modular.maps import Maps
from grok.reports.modular.ring_gallery import RingGallery

NAME_WIDTH, NUMBER_WIDTH = 28, 13  # characters: at least for a quantity's name, and for a column of numbers
PLOTS: dict[str, RingGallery | Maps] = {"rings.png": RingGallery(), "maps.png": Maps()}  # need only one evaluation


def tables(record: xr.Dataset, *, width: int) -> Iterator[Table]:
    """The tables to print: the network's scalars, then the key frequencies with one column each.

    More key frequencies than fit into `width` characters continue in further tables.
    """
    yield _scalars(record)
    end = record.isel(step=-1)
    keys = end["frequency"].values[end["key_frequency"].values > 0].tolist()
    n_columns = max(1, (width - NAME_WIDTH) // NUMBER_WIDTH)
    for first in range(0, len(keys), n_columns):
        title = "key frequencies, by W_L" + (", continued" if first else "")
        yield _by_frequency(end, keys[first : first + n_columns], title)


def write_outputs(record: xr.Dataset, folder: Path) -> list[Path]:
    """Write the record, which `grok.load(folder)` reads, and its plots; returns the files.

    Raises:
        UserError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out={folder}: cannot be made ({error.strerror or error})") from error
    write_dataset(folder / RECORD, record)
    return [folder / RECORD, *[plot.draw(record, folder / name) for name, plot in PLOTS.items()]]


def _scalars(record: xr.Dataset) -> Table:
    """A row for each scalar quantity of the network."""
    table = Table("measure", title="network")
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


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m grok.analyze", description=__doc__, formatter_class=raw, allow_abbrev=False
    )
    parser.add_argument(
        "weights",
        type=Path,
        help=".npz, .pt, .pth or .safetensors file with the array names of Nanda et al. or of TransformerLens",
    )
    parser.add_argument(
        "--attention-coefficient",
        type=float,
        default=1.0,
        help="coefficient c of Clock and Pizza, from 0 (constant attention) to 1 (softmax, the default)",
    )
    parser.add_argument("--activation", choices=tuple(ACTIVATIONS), default="relu")
    parser.add_argument(
        "--causal",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether attention is causal; matters only for two layers or more",
    )
    parser.add_argument("--operation", choices=OPERATIONS, default="add")
    parser.add_argument("--fraction", type=float, default=0.3, help="fraction of pairs trained on (default: 0.3)")
    parser.add_argument("--split-seed", type=int, default=0, help="random.seed before the pairs were shuffled")
    parser.add_argument("--out", type=Path, help="folder for the record and the plots")
    return parser


def _measure(options: argparse.Namespace) -> xr.Dataset:
    """The record of the network."""
    check_float("--fraction", options.fraction, above=0, below=1)
    coefficient = options.attention_coefficient
    check_float("--attention-coefficient", coefficient, minimum=0, maximum=1)
    model, p = load_weights(
        options.weights,
        attention_coefficient=coefficient,
        activation=options.activation,
        causal=options.causal,
    )
    try:
        record = measure_pretrained(
            model, p, operation=options.operation, fraction=options.fraction, split_seed=options.split_seed
        )
    except UserError as error:
        raise UserError(f"{options.weights}: {error}") from error
    return record.assign_attrs(
        weights=str(options.weights),
        attention_coefficient=coefficient,
        activation=options.activation,
        causal=int(options.causal),
    )


def main(arguments: Sequence[str]) -> int:
    """Measure the network, print its tables, write the outputs if `--out` is given; returns the exit code."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=False, markup=False)
    try:
        record = _measure(options)
        files = write_outputs(record, options.out) if options.out else []
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    for table in tables(record, width=console.width):
        console.print(table)
    for path in files:
        console.print(path, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
