"""Measure a run at its kept steps and its last checkpoint, or a pretrained network of modular addition.

python -m grok.analyze runs/modular_addition/<time> [--step 1000] [--out folder]
python -m grok.analyze weights.npz [--attention-coefficient 0] [--fraction 0.3] [--split-seed 1] [--out folder]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from rich.console import Console

from grok.checks import EXIT_USER_ERROR, UserError, check_float
from grok.measures.addition import OPERATIONS
from grok.measures.pretrained_addition import measure_pretrained
from grok.models.pretrained_addition import load_weights
from grok.models.transformer_layers import ACTIVATIONS
from grok.records.file_names import RECORD
from grok.records.files import write_dataset
from grok.reports.modular.maps import Maps
from grok.reports.modular.ring_gallery import RingGallery
from grok.reports.run.measure_tables import tables
from grok.training.measure_run import measure_run

PLOTS: dict[str, RingGallery | Maps] = {"rings.png": RingGallery(), "maps.png": Maps()}  # need only one evaluation
OVER_STEPS = {"phase_ends"}  # what these plots need only for several evaluations
# What a file of weights does not say, with the defaults; a run's configuration says it.
FILE_DEFAULTS = {
    "attention_coefficient": 1.0,
    "activation": "relu",
    "causal": True,
    "operation": "add",
    "fraction": 0.3,
    "split_seed": 0,
}
RELATIVE_TOLERANCE = 1e-3  # maximum relative difference of two measures that count as equal


def write_outputs(record: xr.Dataset, folder: Path) -> list[Path]:
    """Write the record, which `grok.load(folder)` reads, and the plots that it has the variables for; returns the
    files.

    Raises:
        UserError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out={folder}: cannot be made ({error.strerror or error})") from error
    write_dataset(folder / RECORD, record)
    plots = {name: plot for name, plot in PLOTS.items() if {*plot.needs} - OVER_STEPS <= {*record.data_vars}}
    return [folder / RECORD, *[plot.draw(record, folder / name) for name, plot in plots.items()]]


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m grok.analyze", description=__doc__, formatter_class=raw, allow_abbrev=False
    )
    parser.add_argument(
        "weights",
        type=Path,
        help="folder of a run; or file with the array names of Nanda et al. or of TransformerLens (.npz, .safetensors, "
        "or written by torch)",
    )
    parser.add_argument(
        "--step", type=int, help="of a run: this step alone (default: all kept steps and the last checkpoint)"
    )
    parser.add_argument("--out", type=Path, help="folder for the record and the plots")
    file = parser.add_argument_group("what a file of weights does not say; a run's configuration says it")
    file.add_argument(
        "--attention-coefficient",
        type=float,
        help="coefficient c of Clock and Pizza, from 0 (constant attention) to 1 (softmax, the default)",
    )
    file.add_argument("--activation", choices=tuple(ACTIVATIONS), help="default: relu")
    file.add_argument(
        "--causal",
        action=argparse.BooleanOptionalAction,
        help="whether attention is causal (default: yes); matters only for two layers or more",
    )
    file.add_argument("--operation", choices=OPERATIONS, help="default: add")
    file.add_argument("--fraction", type=float, help="fraction of pairs trained on (default: 0.3)")
    file.add_argument("--split-seed", type=int, help="random.seed before the pairs were shuffled (default: 0)")
    return parser


def _measure_file(path: Path, options: dict[str, Any]) -> tuple[xr.Dataset, int]:
    """The record of the network in a file, and its number of layers."""
    check_float("--fraction", options["fraction"], above=0, below=1)
    check_float("--attention-coefficient", options["attention_coefficient"], minimum=0, maximum=1)
    model_options = {name: options[name] for name in ("attention_coefficient", "activation", "causal")}
    model, p = load_weights(path, **model_options)
    task_options = {name: options[name] for name in ("operation", "fraction", "split_seed")}
    try:
        record = measure_pretrained(model, p, **task_options)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    attributes = model_options | {"causal": int(options["causal"]), "weights": str(path)}
    return record.assign_attrs(attributes), len(model.blocks)


def _causality_note(causal: xr.Dataset, other: xr.Dataset) -> str:
    """A line on the measures that differ between the network with a causal mask and without; empty if none differs."""
    values = {
        name: (float(causal[name].values.flat[-1]), float(other[name].values.flat[-1]))
        for name in causal.data_vars
        if causal[name].dims in ((), ("step",))
    }
    differing = [
        name
        for name, pair in values.items()
        if not (math.isclose(*pair, rel_tol=RELATIVE_TOLERANCE) or math.isnan(sum(pair)))
    ]
    if not differing:
        return ""
    name = "gradient_symmetricity" if "gradient_symmetricity" in differing else differing[0]
    with_mask, without = values[name]
    return (
        f"the file does not say whether attention is causal, and {len(differing)} measures depend on it: "
        f"{causal[name].attrs['long_name']} is {with_mask:.4g} with --causal (as here), {without:.4g} with --no-causal"
    )


def _measure(options: argparse.Namespace) -> tuple[xr.Dataset, str]:
    """The record of a run or of a file, and a note on what the file does not say."""
    given = {name: value for name in FILE_DEFAULTS if (value := getattr(options, name)) is not None}
    if options.weights.is_dir():
        for name in given:
            raise UserError(f"--{name.replace('_', '-')}: is only for weight files; a run folder already defines it")
        return measure_run(options.weights, options.step), ""
    if options.step is not None:
        raise UserError(f"--step={options.step}: is only for run folders, not for weight files")
    record, depth = _measure_file(options.weights, FILE_DEFAULTS | given)
    if depth == 1 or "causal" in given:
        return record, ""
    other, _ = _measure_file(options.weights, FILE_DEFAULTS | given | {"causal": False})
    return record, _causality_note(record, other)


def main(arguments: Sequence[str]) -> int:
    """Measure the network, print its tables, write the outputs if `--out` is given; returns the exit code."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=False, markup=False)
    try:
        record, note = _measure(options)
        files = write_outputs(record, options.out) if options.out else []
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    for table in tables(record, width=console.width):
        console.print(table)
    for line in (*files, *([note] if note else [])):
        console.print(line, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
