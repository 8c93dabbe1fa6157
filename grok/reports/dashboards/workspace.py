"""The command that makes a dashboard in W&B: `python -m grok.reports.dashboards.workspace --entity E --project P`.

With `--report STUDY` it makes a report on one study: its claims, and panels of its runs. `--print` only prints the
JSON.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import wandb

from grok.checks import EXIT_USER_ERROR, UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the dashboard; returns the exit code. A user's mistake is one line on standard error."""
    parser = ArgumentParser(
        prog="python -m grok.reports.dashboards.workspace", description="Make a dashboard in W&B from code."
    )
    parser.add_argument("--entity", required=True, help="the user or team that owns the project")
    parser.add_argument("--project", required=True, help="the project of the runs: logger.project, grokking by default")
    parser.add_argument("--results", type=Path, default=Path("results"), help="the folder that has the verdicts")
    parser.add_argument("--report", metavar="STUDY", help="make a report on this study, a folder under results")
    parser.add_argument("--print", action="store_true", help="only print the JSON; needs no account and no network")
    given = parser.parse_args(arguments)
    try:
        view = _build_view(given.entity, given.project, given.results, given.report, online=not given.print)
        if given.print:
            print(view._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2))
        else:
            print(_save_view(view))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    return 0


def verdicts(results: Path) -> dict[str, list[dict[str, Any]]]:
    """The verdicts in a folder of results, by study; those of all scales of a study are together.

    Raises:
        UserError: a file is not JSON.
    """
    by_study: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(results.glob("*/*/verdict.json")):
        try:
            by_study.setdefault(file.parts[-3], []).extend(json.loads(file.read_text(encoding="utf-8")))
        except ValueError as error:
            raise UserError(f"{file}: cannot be read as JSON ({error})") from error
    return by_study


def _build_view(entity: str, project: str, results: Path, study: str | None, *, online: bool) -> Any:
    """The workspace; with `study`, the report on this study."""
    try:
        from grok.reports.dashboards import dashboard
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name}: not installed; pip install -c constraints.txt -e '.[dashboards]'") from error
    judged = verdicts(results)
    if study is None:
        return dashboard.workspace(entity=entity, project=project, judged=judged)
    if study not in judged:
        available = f"choose one of {', '.join(judged)}" if judged else "there are no verdicts"
        raise UserError(f"--report={study}: no verdict.json in {results / study}; {available}")
    return dashboard.report(entity=entity, project=project, study=study, judged=judged[study], online=online)


def _save_view(view: Any) -> str:
    """Save the view in W&B; returns its address."""
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        if not wandb.login(prompt=False):
            raise UserError("W&B: not logged in (`wandb login`, or WANDB_API_KEY), or offline; --print needs neither")
        return str(view.save().url)
    except (wandb.errors.Error, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"--entity={view.entity} --project={view.project}: refused by W&B ({reason})") from error


if __name__ == "__main__":
    sys.exit(main())
