"""The ledger of claims: `python -m grok.reports.study.ledger results/` judges all kept results.

It writes each study's verdicts and figure, and the tables of claims in `results/README.md` and
`results/<study>/README.md`. A folder `results/<study>/<scale>/` has the Dataset of a study's sweep; its claims are
those of the study's YAML. With more arguments, `python -m grok.reports.study.ledger results/ sweeps/<study>/<time>`, it
first imports the sweeps of finished studies. With `--paper`, `--mechanism` or `--task`, it only prints the kept
verdicts of such studies.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from omegaconf import OmegaConf
from rich.console import Console

from grok.checks import UserError
from grok.records.files import write_dataset, write_text
from grok.records.load import load
from grok.records.sweep import DATASET
from grok.reports.study.composition import compose_study
from grok.reports.study.pages import JudgedResult, counts_sentence, pages, selected
from grok.reports.study.reading import read_study
from grok.reports.study.study import Study
from grok.reports.study.thin import compact_picture, thin
from grok.reports.study.verdicts import Verdict, terminal_lines


def load_study(name: str, scale: str) -> Study:
    """The study with this name at this scale.

    Raises:
        UserError: conf/study has no such study.
    """
    found: Any = OmegaConf.to_container(compose_study(name, scale).study, resolve=True)
    return read_study(found)


def import_sweep(sweep: Path, results: Path) -> Path:
    """Copy what a finished study needs of its Dataset to the results (see `thin`); returns their folder.

    Raises:
        UserError: the folder holds no finished study, or one with altered keys.
    """
    dataset = load(sweep)
    if "scale" not in dataset.attrs or not (sweep / DATASET).exists():
        raise UserError(f"{sweep}: holds no finished study")
    if dataset.attrs["altered"]:
        raise UserError(f"{sweep}: the study was altered by {dataset.attrs['altered']} and cannot be a result")
    folder = results / str(dataset.attrs["study"]) / str(dataset.attrs["scale"])
    folder.mkdir(parents=True, exist_ok=True)
    study = load_study(str(dataset.attrs["study"]), str(dataset.attrs["scale"]))
    write_dataset(folder / DATASET, thin(dataset, study), compressed=True)
    return folder


def result_folders(results: Path) -> list[Path]:
    """The folders of kept results.

    Raises:
        UserError: there are none.
    """
    found = [path.parent for path in sorted(results.glob(f"*/*/{DATASET}"))]
    if not found:
        raise UserError(f"{results}: holds no results; expected <study>/<scale>/{DATASET}")
    return found


def main(arguments: Sequence[str]) -> None:
    """Import sweeps, judge every result, draw its figure, and update the pages of results."""
    parser = argparse.ArgumentParser(prog="python -m grok.reports.study.ledger", description=__doc__)
    parser.add_argument("results", type=Path, help="the folder of results, whose pages are updated")
    parser.add_argument("sweeps", type=Path, nargs="*", help="sweeps of finished studies to import first")
    for kind in ("paper", "mechanism", "task"):
        parser.add_argument(f"--{kind}", help=f"only print the claims with this {kind}, and write nothing")
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    wanted = {"paper": given.paper, "mechanism": given.mechanism, "task": given.task}
    if any(wanted.values()):
        _print_selected(given.results, console, wanted)
        return
    for sweep in given.sweeps:
        console.print(f"imported: {import_sweep(sweep, given.results)}")
    judged = []
    for folder in result_folders(given.results):
        dataset = load(folder)
        study = load_study(str(dataset.attrs["study"]), str(dataset.attrs["scale"]))
        judged.append(_result(study, dataset, study.report(dataset, folder, console)))
        compact_picture(folder / "figure.png")
        (folder / "figure.pdf").unlink(missing_ok=True)
    for path, text in pages(given.results, judged).items():
        write_text(path, text)
    n_claims = sum(len(each.verdicts) for each in judged)
    console.print(f"the pages in {given.results} are up to date: {n_claims} claims")


def judged_results(results: Path) -> list[JudgedResult]:
    """The kept verdicts of all results.

    Raises:
        UserError: there are none.
    """
    found = []
    for folder in result_folders(results):
        dataset = load(folder)
        study = load_study(str(dataset.attrs["study"]), str(dataset.attrs["scale"]))
        verdicts = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        found.append(_result(study, dataset, verdicts))
    return found


def _result(study: Study, dataset: xr.Dataset, verdicts: Sequence[Verdict]) -> JudgedResult:
    """The result with these verdicts and what the study declares."""
    return JudgedResult(
        study=str(dataset.attrs["study"]),
        scale=str(dataset.attrs["scale"]),
        title=study.title,
        papers=study.papers,
        mechanism=study.mechanism,
        task=study.task,
        command=str(dataset.attrs["command"]),
        verdicts=verdicts,
    )


def _print_selected(results: Path, console: Console, wanted: Mapping[str, str | None]) -> None:
    """Print the kept verdicts of the studies with this paper, mechanism and task."""
    found = selected(judged_results(results), **wanted)
    for each in found:
        for line in terminal_lines(f"{each.study}, {each.scale}: {each.title}", each.verdicts, console.width):
            console.print(line)
    console.print(f"In all studies: {counts_sentence([verdict for each in found for verdict in each.verdicts])}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
