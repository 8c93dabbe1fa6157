"""Scaling of single tokens over a family of networks: sharp and smooth tokens, mean loss, persistence.

python -m grok.reports.token_scaling losses.npy --sizes 18915328,85056000,302311424 --unit nats [--out folder]
python -m grok.reports.token_scaling sweeps/language/<time> [--out folder]

The array has the losses tokens × models, with the models in the order of their sizes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from grok.checks import EXIT_USER_ERROR, UserError, check_choice, check_int
from grok.records.files import write_json
from grok.records.load import load
from grok.reports.language.token_family import TokenFamily, family_of_array, family_of_sweep
from grok.reports.language.token_scaling import KNOWN, UNKNOWN, TokenCurve, draw_token_scaling, example_curves
from grok.science.language.token_scaling import (
    MIN_MODELS,
    N_PERMUTATIONS,
    TokenScaling,
    sharp_in_another_seed,
    token_scaling,
)
from grok.science.quanta.emergence import monogenic_from

UNITS = ("nats", "bits")
FIGURE, RESULT = "token_scaling.png", "token_scaling.json"


def main(arguments: Sequence[str]) -> int:
    """Print the table, write the figure and the numbers; returns the exit code."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, markup=False)
    try:
        family = _family(options)
        check_int("--permutations", options.permutations, minimum=1)
        tokens, contexts = _tokens(options.tokens, family.losses.shape[1]), _contexts(options.contexts)
        scaling = token_scaling(
            family.mean, family.sizes, unit=family.unit, n_permutations=options.permutations, seed=options.seed
        )
        curves = example_curves(family, scaling, tokens=tokens, contexts=contexts)
        result = _result(options, family, scaling, curves)
        files = _write(options.out or Path(f"{options.source.stem}_token_scaling"), scaling, curves, result)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    console.print(_table(scaling))
    for line in (*_sentences(scaling, result), *map(str, files)):
        console.print(line, soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m grok.reports.token_scaling", description=__doc__, formatter_class=raw, allow_abbrev=False
    )
    parser.add_argument("source", type=Path, help="array of losses tokens × models (.npy), or folder of a sweep")
    parser.add_argument("--sizes", help="of an array: the numbers of parameters, such as 1e6,3e6,1e7, in rising order")
    parser.add_argument("--unit", help="of an array: nats or bits")
    parser.add_argument(
        "--tokens", help="rows of the tokens to draw, such as 17,2045 (default: three sharp, three smooth)"
    )
    parser.add_argument(
        "--contexts", type=Path, help='JSON file with texts of tokens, such as {"17": "the text before it"}'
    )
    parser.add_argument(
        "--permutations",
        type=int,
        default=N_PERMUTATIONS,
        help=f"of each token's losses, for the null (default: {N_PERMUTATIONS})",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the permutations (default: 0)")
    parser.add_argument(
        "--out", type=Path, help="folder of the figure and the numbers (default: <source>_token_scaling)"
    )
    return parser


def _family(options: argparse.Namespace) -> TokenFamily:
    """The losses of the array or of the sweep."""
    of_array = {"--sizes": options.sizes, "--unit": options.unit}
    if options.source.is_dir():
        for name, value in of_array.items():
            if value is not None:
                raise UserError(f"{name}={value}: is only for arrays; a sweep already defines it")
        return family_of_sweep(load(options.source))
    needed = {"--unit": "nats or bits", "--sizes": "the numbers of parameters, such as 1e6,3e6,1e7"}
    for name, value in needed.items():
        if of_array[name] is None:
            raise UserError(f"{name}: an array needs it ({value})")
    check_choice("--unit", options.unit, UNITS)
    return family_of_array(options.source, _sizes(options.sizes), options.unit)


def _sizes(given: str) -> np.ndarray:
    """The sizes that a user typed."""
    try:
        sizes = np.array([float(each) for each in given.split(",")])
    except ValueError:
        sizes = np.array([np.nan])
    if not (np.isfinite(sizes).all() and (sizes > 0).all() and (np.diff(sizes) > 0).all()):
        raise UserError(f"--sizes={given}: must be positive numbers in rising order, such as 1e6,3e6,1e7")
    if len(sizes) < MIN_MODELS:
        raise UserError(f"--sizes={given}: must be at least {MIN_MODELS} sizes")
    return sizes


def _tokens(given: str | None, n_tokens: int) -> list[int]:
    """The rows that a user typed."""
    words = given.split(",") if given is not None else []
    if not all(word.strip().isdecimal() and int(word) < n_tokens for word in words):
        raise UserError(f"--tokens={given}: must be rows from 0 to {n_tokens - 1:,}, such as 0,{n_tokens - 1}")
    return [int(word) for word in words]


def _contexts(path: Path | None) -> dict[int, str]:
    """The texts in a user's file."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {int(token): str(text) for token, text in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f'--contexts={path}: must be a JSON file such as {{"17": "a text"}} ({error})') from error


def _result(
    options: argparse.Namespace, family: TokenFamily, scaling: TokenScaling, curves: Sequence[TokenCurve]
) -> dict[str, Any]:
    """The numbers of the JSON file; losses in nats, null for what does not exist."""
    per_seed = [monogenic_from(each, unit=family.unit) >= 0 for each in family.losses] if len(family.losses) > 1 else []
    return {
        "source": str(options.source),
        "n_tokens": len(scaling.smooth),
        "n_seeds": len(family.losses),
        "sizes": scaling.sizes.tolist(),
        "mean_loss": scaling.mean_loss.tolist(),
        "exponent": scaling.exponent,
        "known_share": scaling.known.tolist(),
        "persistence": [None if np.isnan(each) else each for each in scaling.persistence.tolist()],
        "sharp_tokens": np.bincount(scaling.sharp_from + 1, minlength=len(scaling.sizes) + 1)[1:].tolist(),
        "sharp_share": scaling.sharp_share,
        "sharp_share_permuted": float(scaling.null.sharp.mean()),
        "smooth_share": scaling.smooth_share,
        "smooth_share_permuted": float(scaling.null.smooth.mean()),
        "sharp_in_another_seed": _number(sharp_in_another_seed(np.array(per_seed))) if per_seed else None,
        "tokens": [
            {"token": each.token, "kind": each.kind, "loss": each.losses.mean(0).tolist(), "context": each.context}
            for each in curves
        ],
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _write(
    folder: Path, scaling: TokenScaling, curves: Sequence[TokenCurve], result: Mapping[str, Any]
) -> tuple[Path, Path]:
    """Write the figure and the numbers; returns the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out={folder}: cannot be made ({error.strerror or error})") from error
    write_json(folder / RESULT, result)
    return draw_token_scaling(scaling, curves, folder / FIGURE), folder / RESULT


def _table(scaling: TokenScaling) -> Table:
    """A row for each model."""
    table = Table("parameters", "mean loss (nats)", f"below {KNOWN:g} nats", "stay below", "sharp tokens", box=None)
    n_sharp = np.bincount(scaling.sharp_from + 1, minlength=len(scaling.sizes) + 1)[1:]
    rows = zip(scaling.sizes, scaling.mean_loss, scaling.known, scaling.persistence, n_sharp, strict=True)
    for size, loss, known, stay, sharp in rows:
        stays = "–" if np.isnan(stay) else f"{stay:.1%}"
        table.add_row(f"{size:,.0f}", f"{loss:.4f}", f"{known:.2%}", stays, f"{sharp:,}")
    return table


def _sentences(scaling: TokenScaling, result: Mapping[str, Any]) -> list[str]:
    """The shares of both kinds beside their nulls, and the exponent."""
    kinds = {
        f"sharp ({UNKNOWN:g} nats to {KNOWN:g} between two sizes)": "sharp",
        "smooth (a falling line versus ln N)": "smooth",
    }
    lines = [
        f"{text}: {result[f'{kind}_share']:.3%} of tokens, {result[f'{kind}_share_permuted']:.3%} with permuted losses"
        for text, kind in kinds.items()
    ]
    if result["sharp_in_another_seed"] is not None:
        lines.append(f"of the tokens that are sharp in one seed, {result['sharp_in_another_seed']:.1%} are in another")
    return [*lines, f"mean loss ∝ N^{-scaling.exponent:.3f}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
