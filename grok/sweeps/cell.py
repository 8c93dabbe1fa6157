"""One cell: from a resolved configuration to a folder with everything a run leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr
import yaml
from pytorch_lightning.loggers import WandbLogger
from rich.console import Console

from grok.records.files import write_dataset, write_json, write_text
from grok.records.provenance import provenance
from grok.reports import summary as summaries
from grok.reports.figure import draw
from grok.reports.page import page
from grok.tasks.task import Data
from grok.training import tracking
from grok.training.build import build, device_of
from grok.training.fit import fit
from grok.training.instantiation import instantiate
from grok.training.module import Training
from grok.training.settings import Settings


class Interrupted(SystemExit):
    """Training was ended early by a signal. No Exception, so that a sweep ends with it; exits as shells expect."""


def train(config: Mapping[str, Any], folder: Path, command: str) -> dict[str, Any]:
    """Train the configuration in the folder from where it stands; write its files and return its summary.

    Raises:
        UserError: a value that a task, model, optimiser or measure refuses, or a file that cannot be read or written.
        Interrupted: a signal came; the folder holds all that was trained, and the same command goes on.
    """
    console = Console(highlight=False, soft_wrap=True)
    settings = Settings.of(config)
    device = device_of(settings)
    training, (data,) = build([config])
    console.print(data.origin["why"])
    attributes = {**_attributes(training, data, config), "device": str(device), "command": command}

    def record() -> xr.Dataset:
        return training.history.dataset(0, {**attributes, "seconds": training.seconds})

    (folder / "summary.json").unlink(
        missing_ok=True
    )  # of a run that is to be prolonged: without it the folder is unfinished
    write_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
    with _tracked(config, folder, console) as loggers:
        came = fit(
            training,
            settings,
            checkpoint=folder / "last.ckpt",
            save_record=lambda: write_dataset(folder / "record.nc", record()),
            loggers=loggers,
            console=console,
        )
        if came is not None:
            console.print(
                f"stopped at step {training.step:,} of {training.steps:,}: "
                f"the same command with hydra.run.dir={folder} goes on"
            )
            raise Interrupted(128 + came)
        summary = _leave(folder, record(), loggers)
    console.print(summaries.table(summary))
    for name in ("figure.png", "report.html", "record.nc"):
        console.print(f"{folder / name}")
    return summary


def _leave(folder: Path, record: xr.Dataset, loggers: Sequence[WandbLogger]) -> dict[str, Any]:
    """Write what a finished run leaves beside its record, the summary last: it says that the run is finished."""
    summary = summaries.summarize(record)
    figure = draw(record, summary, folder / "figure.png")
    write_text(folder / "report.html", page(record, summary))
    for logger in loggers:
        tracking.mirror(logger, record, summary=summary, figures={"figure": figure})
    write_json(folder / "summary.json", summary)
    return summary


@contextmanager
def _tracked(config: Mapping[str, Any], folder: Path, console: Console) -> Iterator[list[WandbLogger]]:
    """The loggers that the configuration asks for; ended, with a word on where to look, however the run ends."""
    if "_target_" not in config["logger"]:
        yield []
        return
    logger = instantiate(config["logger"], "logger")(folder=folder.absolute(), config=config)
    try:
        yield [logger]
    finally:
        console.print(tracking.finish(logger))


def _attributes(training: Training, data: Data, config: Mapping[str, Any]) -> dict[str, str | int | float]:
    """What the record says of how it came about."""
    thresholds = training.task.thresholds
    return {
        "task": config["task"]["_target_"],
        "memorization_threshold": thresholds.memorization,
        "generalization_threshold": thresholds.generalization,
        "longest_delay": thresholds.longest_delay,
        **{f"data_{name}": text for name, text in data.origin.items() if name != "why"},
        "n_parameters": sum(parameter[0].numel() for parameter in training.model.parameters()),
        "config": json.dumps(config),
        **provenance(),
    }
