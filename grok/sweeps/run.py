"""A run: one configuration, its folder, the files it writes, and how it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import xarray as xr
from rich.console import Console

from grok.checks import check_choice
from grok.records.file_names import CONFIG, ERROR, FIGURE, PAGE, RECORD, SUMMARY
from grok.records.files import as_yaml, write_dataset, write_json, write_text
from grok.records.summary import summarize
from grok.records.sweep import status
from grok.reports.run.figure import draw
from grok.reports.run.page import PLOTLY, run_page
from grok.reports.run.plots import Plot, draw_all
from grok.training.instantiation import instantiate_as
from grok.training.run_logger import Outputs


@dataclass(frozen=True, kw_only=True)
class Run:
    """A resolved configuration and its own folder."""

    config: Mapping[str, Any]
    folder: Path
    command: str  # the command that the record names
    resume_with: str  # the override that resumes training in this folder
    keys: Mapping[str, Any] = field(default_factory=dict)  # the swept keys with this run's values
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """How a run ended. A diverged run has failed, although it trained and wrote all its files."""

    # skipped: it was finished before; stopped: another run failed before it was finished (`stop_on_failure`)
    status: Literal["done", "skipped", "failed", "stopped"]
    objective: float | None = None
    error: str = ""
    trained: bool = True


def planned_steps(run: Run) -> int:
    """The steps that a run is configured to train; 0 if `steps` is not an integer, which is validated later."""
    steps = run.config.get("steps")
    return steps if isinstance(steps, int) else 0


def objective(config: Mapping[str, Any], summary: Mapping[str, Any]) -> float | None:
    """The number that an optimizing sweeper minimizes: the summary's entry named by `objective`.

    None if it is not finite, or a step that was never reached.

    Raises:
        UserError: the summary has no such number.
    """
    numbers = [name for name, value in summary.items() if not isinstance(value, str)]
    check_choice("objective", config["objective"], numbers)
    value = summary[config["objective"]]
    return None if value is None else float(value)


def write_config(run: Run) -> None:
    """Write the configuration before training, and remove the files that say the run is finished."""
    (run.folder / SUMMARY).unlink(missing_ok=True)
    (run.folder / ERROR).unlink(missing_ok=True)
    write_text(run.folder / CONFIG, as_yaml(run.config))


def save_record(run: Run, record: xr.Dataset) -> None:
    """Write the record as it is so far."""
    write_dataset(run.folder / RECORD, record)


def write_outputs(run: Run, record: xr.Dataset, console: Console, *, error: str, sweep: Path | None) -> Outputs:
    """Write the outputs of a run that has trained, except its summary, which marks it as finished.

    The pages of a sweep's runs share one copy of plotly, in the sweep's folder, and their figures are PNG only.
    """
    summary = summarize(record)
    plotly = None if sweep is None else os.path.relpath(sweep / PLOTLY, run.folder)
    figures = {"figure": draw(record, summary, run.folder / FIGURE, vector=sweep is None)}
    plots = {name: instantiate_as(Plot, each, "plot") for name, each in run.config.get("plot", {}).items()}
    drawn = draw_all(plots, record, run.folder, embedded=sweep is None, warn=console.print)
    sections = [section for _, section in drawn.values()]
    write_text(run.folder / PAGE, run_page(record, summary, sections=sections, plotly=plotly))
    if error:
        write_text(run.folder / ERROR, error + "\n")
    else:
        (run.folder / ERROR).unlink(missing_ok=True)
    figures |= {name: path for name, (path, _) in drawn.items()}
    return Outputs(record=record, summary=summary, figures=figures)


def mark_finished(run: Run, summary: Mapping[str, Any]) -> None:
    """Write the summary of a run whose outputs and loggers are complete."""
    write_json(run.folder / SUMMARY, summary)


def previous_outcome(run: Run) -> Outcome:
    """The outcome of a run that was finished before."""
    summary = json.loads((run.folder / SUMMARY).read_text())
    state, error = status(run.folder)
    return Outcome("failed" if state == "failed" else "skipped", objective(run.config, summary), error)
