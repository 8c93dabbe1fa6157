"""Claims held against records: `python -m grok.reports.claims results/` writes the verdicts and the README's table.

A folder `results/<study>/<scale>/` keeps the Dataset of a study's sweep; the claims are those of the study's YAML.
`python -m grok.reports.claims results/ sweeps/<study>/<time>` takes the sweep of a finished study in first.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console

from grok.checks import UserError
from grok.records.files import write_bytes, write_dataset, write_text
from grok.records.load import load
from grok.records.sweep import DATASET
from grok.reports.study import Study, agrees_if, holds, ours

ROOT = Path(__file__).parents[2]
LARGEST = 500  # values at a look of a quantity that is kept with the results: as many subtasks as the paper has
BEGIN, END = "<!-- claims: written by python -m grok.reports.claims results/ -->", "<!-- end of claims -->"


def study(name: str, scale: str) -> Study:
    """The study of this name, at this scale."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", overrides=[f"study={name}", f"scale={scale}"])
    found: Study = instantiate(config.study, _convert_="all")
    return found


def take_in(sweep: Path, results: Path) -> Path:
    """Keep the Dataset, without maps, and the table of a finished study's sweep among the results; gives their folder.

    Raises:
        UserError: the folder holds no study's sweep that was run to its end.
    """
    dataset = load(sweep)
    if "scale" not in dataset.attrs or not (sweep / DATASET).exists():
        raise UserError(f"{sweep}: holds no study that was run to its end")
    if dataset.attrs["altered"]:
        raise UserError(
            f"{sweep}: its study was altered by {dataset.attrs['altered']}, so it is not the study's result"
        )
    folder = results / str(dataset.attrs["study"]) / str(dataset.attrs["scale"])
    folder.mkdir(parents=True, exist_ok=True)
    write_dataset(folder / DATASET, _small_part(dataset), compressed=True)
    write_bytes(folder / "summary.csv", (sweep / "summary.csv").read_bytes())
    return folder


def _small_part(dataset: xr.Dataset) -> xr.Dataset:
    """The Dataset without quantities of too many values at a look to be kept with the project: maps and rings."""
    cell = {*dataset["finished"].dims, "step"}
    size = {name: math.prod(n for dim, n in each.sizes.items() if dim not in cell) for name, each in dataset.items()}
    return dataset[[name for name, n in size.items() if n <= LARGEST]]


def readme_table(judged: Sequence[Mapping[str, Any]]) -> str:
    """How many claims hold, of all and of each study, and the verdicts as a table in Markdown, folded."""
    hold, fail, open_ = (sum(each["holds"] is word for each in judged) for word in (True, False, None))
    lines = [
        f"{hold + fail} claims are judged: {hold} hold, {fail} do not. Of another scale than was run are {open_} more.",
        "",
        "| study | judged | hold |",
        "|---|---|---|",
        *_by_study(judged),
        "",
        f"<details><summary>All {len(judged)} claims</summary>",
        "",
        "| study | claim | source | published | agrees if | ours (interval over seeds) | seeds | holds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in judged:
        word = "**no**" if each["holds"] is False else holds(each)
        study = f"{each['study']}, {each['scale']}"
        said = (study, each["claim"], each["source"], each["published"])
        cells = (*said, agrees_if(each), ours(each), str(each["n"]), word)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", "</details>"])


def _by_study(judged: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows of a table: how many claims of each study are judged, and how many hold."""
    words: dict[str, list[bool]] = {}
    for each in judged:
        own = words.setdefault(f"{each['study']}, {each['scale']}", [])
        own += [] if each["holds"] is None else [each["holds"]]
    return [f"| {study} | {len(own)} | {sum(own)} |" for study, own in words.items()]


def with_table(readme: str, table: str) -> str:
    """The README with the table between its markers."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def kept(results: Path) -> list[tuple[Path, xr.Dataset]]:
    """The folders of results with their Datasets.

    Raises:
        UserError: there are none.
    """
    found = [(path.parent, load(path)) for path in sorted(results.glob(f"*/*/{DATASET}"))]
    if not found:
        raise UserError(f"{results}: holds no results, which lie in <study>/<scale>/{DATASET}")
    return found


def main(arguments: Sequence[str]) -> None:
    """Take the sweeps in, judge every folder of results, draw its figure, and put the table in the README."""
    parser = argparse.ArgumentParser(prog="python -m grok.reports.claims", description=__doc__)
    parser.add_argument("results", type=Path, help="the folder of results; the README beside it is rewritten")
    parser.add_argument("sweeps", type=Path, nargs="*", help="sweeps of finished studies, to be taken in first")
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for sweep in given.sweeps:
        console.print(f"taken in: {take_in(sweep, given.results)}")
    judged = []
    for folder, dataset in kept(given.results):
        own = study(str(dataset.attrs["study"]), str(dataset.attrs["scale"]))
        judged += own.report(dataset, folder, console)
    readme = given.results.absolute().parent / "README.md"
    write_text(readme, with_table(readme.read_text(encoding="utf-8"), readme_table(judged)))
    console.print(f"the table of claims in {readme} is up to date: {len(judged)} claims")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
