"""A cell: one configuration and its folder; what it leaves there, and how it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import xarray as xr
import yaml
from pytorch_lightning.loggers import WandbLogger
from rich.console import Console

from grok.checks import choice
from grok.records.files import write_dataset, write_json, write_text
from grok.records.names import CONFIG, ERROR, FIGURE, PAGE, RECORD, SUMMARY
from grok.records.sweep import status
from grok.reports import summary as summaries
from grok.reports.figure import draw
from grok.reports.page import PLOTLY, page
from grok.reports.picture import draw_all
from grok.training import tracking
from grok.training.instantiation import instantiate


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A resolved configuration and the folder that is its own."""

    config: Mapping[str, Any]
    folder: Path
    command: str  # what the record says of how it was made
    again: str  # what a user adds to the command to go on in this folder
    keys: Mapping[str, Any] = field(default_factory=dict)  # the swept keys with this cell's values
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """How a cell ended. A cell that diverged has failed although it ran, and has left all its files."""

    status: Literal["done", "skipped", "failed"]  # skipped: it was finished before
    objective: float | None = None
    error: str = ""
    ran: bool = True


def objective(config: Mapping[str, Any], summary: Mapping[str, Any]) -> float | None:
    """What a sweeper minimises: the number in the summary that the configuration's `objective` names; None: not finite,
    or a step that never came.

    Raises:
        UserError: the summary has no such number.
    """
    numbers = [name for name, value in summary.items() if not isinstance(value, str)]
    choice("objective", config["objective"], numbers)
    value = summary[config["objective"]]
    return None if value is None else float(value)


def begin(cell: Cell) -> None:
    """Write what is known before training. A run that is prolonged is unfinished again."""
    (cell.folder / SUMMARY).unlink(missing_ok=True)
    (cell.folder / ERROR).unlink(missing_ok=True)
    write_text(cell.folder / CONFIG, yaml.safe_dump(dict(cell.config), sort_keys=False))


def save(cell: Cell, record: xr.Dataset) -> None:
    """Write the record as it stands."""
    write_dataset(cell.folder / RECORD, record)


def leave(
    cell: Cell, record: xr.Dataset, loggers: Sequence[WandbLogger], console: Console, *, error: str, sweep: Path | None
) -> dict[str, Any]:
    """Write what a finished run leaves beside its record, the summary last: it says that the run is finished.

    The pages of a sweep's cells share one copy of plotly, in the sweep's folder, and their figures are pixels only.
    """
    summary = summaries.summarize(record)
    plotly = None if sweep is None else os.path.relpath(sweep / PLOTLY, cell.folder)
    figures = {"figure": draw(record, summary, cell.folder / FIGURE, vector=sweep is None)}
    pictures = {name: instantiate(each, "picture") for name, each in cell.config.get("picture", {}).items()}
    drawn = draw_all(pictures, record, cell.folder, embedded=sweep is None, warn=console.print)
    sections = [section for _, section in drawn.values()]
    write_text(cell.folder / PAGE, page(record, summary, sections=sections, plotly=plotly))
    if error:
        write_text(cell.folder / ERROR, error + "\n")
    else:
        (cell.folder / ERROR).unlink(missing_ok=True)
    write_json(cell.folder / SUMMARY, summary)
    figures |= {name: path for name, (path, _) in drawn.items()}
    for logger in loggers:
        tracking.mirror(logger, record, summary=summary, figures=figures)
    return summary


def finished_before(cell: Cell) -> Outcome:
    """The outcome of a cell in whose folder nothing is left to train."""
    summary = json.loads((cell.folder / SUMMARY).read_text())
    how, error = status(cell.folder)
    return Outcome("failed" if how == "failed" else "skipped", objective(cell.config, summary), error)


@contextmanager
def tracked(cell: Cell, console: Console, *, told: bool) -> Iterator[list[WandbLogger]]:
    """The loggers that the configuration asks for; ended, with a word on where to look, however the run ends."""
    if "_target_" not in cell.config["logger"]:
        yield []
        return
    logger = instantiate(cell.config["logger"], "logger")(folder=cell.folder.absolute(), config=cell.config)
    ended_well = False
    try:
        yield [logger]
        ended_well = True
    finally:
        said = tracking.finish(logger, ended_well=ended_well)
        if told:
            console.print(said)
