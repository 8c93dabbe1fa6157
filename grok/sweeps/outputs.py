"""The outputs of a sweep beside its runs: one Dataset, a table, a page, and a list of how the runs ended."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from grok.checks import UserError
from grok.records.file_names import SUMMARY
from grok.records.files import write_dataset, write_text
from grok.records.sweep import DATASET, assemble, read_manifest, status, swept_keys
from grok.reports.study.study import Study
from grok.reports.sweep.page import sweep_page
from grok.sweeps.run import Outcome
from grok.training.wandb_file import sweep_line

MAX_LISTED = 8  # runs listed by name among those that failed for the same reason


def finalize_sweep(
    sweep: Path,
    outcomes: Sequence[tuple[Path, Outcome]],
    console: Console,
    *,
    study: Study | None,
    attributes: Mapping[str, str],
) -> None:
    """Write the sweep's Dataset, with these attributes, its table and its page; print how the runs ended; judge the
    claims if it is a study."""
    runs = read_manifest(sweep)
    write_text(sweep / "summary.csv", _summary_table(sweep, runs))
    try:
        dataset = assemble(sweep).assign_attrs(attributes)
    except UserError as error:
        console.print(error)
        dataset = None
    if dataset is not None:
        write_dataset(sweep / DATASET, dataset)
        write_text(sweep / "report.html", sweep_page(dataset))
    _print_outcomes(sweep, outcomes, console)
    for name in (DATASET, "summary.csv", "report.html") if dataset is not None else ():
        console.print(sweep / name)
    if line := sweep_line(sweep, [sweep / run for run in runs]):
        console.print(line)
    if study is not None and dataset is not None:
        study.report(dataset, sweep, console)


def _summary_table(sweep: Path, runs: Mapping[str, Mapping[str, Any]]) -> str:
    """One CSV line per run: its folder, its swept values, its status, and the numbers of its summary."""
    names, rows = swept_keys(sweep), []
    for run, keys in runs.items():
        state, error = status(sweep / run)
        file = sweep / run / SUMMARY
        summary = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        swept = {f"{name} (swept)" if name in summary else name: keys.get(name) for name in names}
        rows.append({"run": run, **swept, "status": state, "error": error, **summary})
    columns = {name: None for row in rows for name in row}
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _print_outcomes(sweep: Path, outcomes: Sequence[tuple[Path, Outcome]], console: Console) -> None:
    """Print how many runs are done, skipped (finished before) and failed, and the errors of those that failed."""
    counts = Counter(outcome.status for _, outcome in outcomes)
    table = Table(box=None, show_header=False, padding=(0, 2))
    for state in ("done", "skipped", "failed", *(("stopped",) if counts["stopped"] else ())):
        table.add_row(state, str(counts[state]))
    console.print(table)
    failed = [(folder, outcome.error) for folder, outcome in outcomes if outcome.status == "failed"]
    if counts["stopped"]:
        console.print("stopped at the first failure: the same command in the same hydra.sweep.dir resumes")
    print_errors("failed", failed, sweep, console)


def print_errors(word: str, errors: Sequence[tuple[Path, str]], sweep: Path, console: Console) -> None:
    """Print a line for each error, with the names of the runs that have it."""
    by_error: dict[str, list[str]] = {}
    for folder, error in errors:
        by_error.setdefault(error, []).append(str(folder.relative_to(sweep)))
    for error, names in by_error.items():
        more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
        console.print(f"{word}: {', '.join(names[:MAX_LISTED])}{more}: {error}")
