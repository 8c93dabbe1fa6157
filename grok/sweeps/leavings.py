"""What a sweep leaves besides its cells: one Dataset, a table, a page, and how every cell ended."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from grok.checks import UserError
from grok.records.files import write_dataset, write_text
from grok.records.names import SUMMARY
from grok.records.sweep import DATASET, assemble, read_manifest, status, swept
from grok.reports.study import Study
from grok.reports.sweep_page import sweep_page
from grok.sweeps.cell import Outcome

TOLD = 8  # cells that failed for the same reason are named up to so many


def conclude(
    sweep: Path,
    outcomes: Mapping[Path, Outcome],
    console: Console,
    *,
    study: Study | None,
    made: Mapping[str, str],
) -> None:
    """Write the sweep's Dataset, table and page from its cells, tell how each ended, and judge the study if it is one.

    `made` is what the Dataset says of the sweep as a whole: its name, its command, the scale of a study.
    """
    cells = read_manifest(sweep)
    write_text(sweep / "summary.csv", _table(sweep, cells))
    try:
        dataset = assemble(sweep).assign_attrs(made)
    except UserError as error:
        console.print(error)
        dataset = None
    if dataset is not None:
        write_dataset(sweep / DATASET, dataset)
        write_text(sweep / "report.html", sweep_page(dataset))
    _tell(sweep, outcomes, console)
    for name in (DATASET, "summary.csv", "report.html") if dataset is not None else ():
        console.print(sweep / name)
    if study is not None and dataset is not None:
        study.report(dataset, sweep, console)


def _table(sweep: Path, cells: Mapping[str, Mapping[str, Any]]) -> str:
    """A line a cell: its folder, its swept values, how it ended, and the numbers of its summary."""
    names, rows = swept(sweep), []
    for cell, keys in cells.items():
        how, error = status(sweep / cell)
        file = sweep / cell / SUMMARY
        summary = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        own = {f"{name} (swept)" if name in summary else name: keys.get(name) for name in names}
        rows.append({"cell": cell, **own, "status": how, "error": error, **summary})
    columns = {name: None for row in rows for name in row}
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _tell(sweep: Path, outcomes: Mapping[Path, Outcome], console: Console) -> None:
    """How many cells are done, skipped (finished before) and failed, and what those that failed said."""
    counts = Counter(outcome.status for outcome in outcomes.values())
    table = Table(box=None, show_header=False, padding=(0, 2))
    for how in ("done", "skipped", "failed"):
        table.add_row(how, str(counts[how]))
    console.print(table)
    by_error: dict[str, list[str]] = {}
    for folder, outcome in outcomes.items():
        if outcome.status == "failed":
            by_error.setdefault(outcome.error, []).append(str(folder.relative_to(sweep)))
    for error, names in by_error.items():
        more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
        console.print(f"failed: {', '.join(names[:TOLD])}{more}: {error}")
