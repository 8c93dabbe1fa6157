"""A dashboard in W&B: `python -m grok.reports.workspace --entity E --project P` makes it, `--print` shows its JSON.

With `--report STUDY` it is a report on one study: its claims, and the panels of its runs.
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

from grok.checks import MISTAKE, UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the dashboard that the command line asks for; a mistake of the user's is said in one line."""
    parser = ArgumentParser(prog="python -m grok.reports.workspace", description="A dashboard in W&B, as code.")
    parser.add_argument("--entity", required=True, help="the user or team that owns the project")
    parser.add_argument("--project", required=True, help="where the runs are: logger.project, grokking by default")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where verdicts are looked for")
    parser.add_argument("--report", metavar="STUDY", help="a report on a study, by its folder under results")
    parser.add_argument("--print", action="store_true", help="show the JSON; needs no account and no network")
    asked = parser.parse_args(arguments)
    try:
        view = _view(asked.entity, asked.project, asked.results, asked.report, online=not asked.print)
        if asked.print:
            print(view._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2))
        else:
            print(_saved(view))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    return 0


def verdicts(results: Path) -> dict[str, list[dict[str, Any]]]:
    """The verdicts under a folder of results, by study, at whatever scales it was run."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(results.glob("*/*/verdict.json")):
        try:
            found.setdefault(file.parts[-3], []).extend(json.loads(file.read_text(encoding="utf-8")))
        except ValueError as error:
            raise UserError(f"{file}: is no JSON ({error})") from error
    return found


def _view(entity: str, project: str, results: Path, study: str | None, *, online: bool) -> Any:
    """The workspace, or the report on a study."""
    try:
        from grok.reports import dashboard
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing: pip install -c constraints.txt -e '.[dashboards]'") from error
    judged = verdicts(results)
    if study is None:
        return dashboard.workspace(entity=entity, project=project, judged=judged)
    if study not in judged:
        raise UserError(
            f"--report={study}: no verdict.json in {results / study}; there is {', '.join(judged) or 'none'}"
        )
    return dashboard.report(entity=entity, project=project, study=study, judged=judged[study], online=online)


def _saved(view: Any) -> str:
    """Where the view is, once W&B has it."""
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        if not wandb.login(prompt=False):
            raise UserError("W&B: not logged in (`wandb login`, or WANDB_API_KEY), or offline; --print needs neither")
        return str(view.save().url)
    except (wandb.errors.Error, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"--entity={view.entity} --project={view.project}: W&B did not take it ({reason})") from error


if __name__ == "__main__":
    sys.exit(main())
