"""One cell: from a resolved configuration to a folder with everything a run leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
import yaml
from rich.console import Console

from grok.records.files import write_dataset, write_json, write_text
from grok.records.provenance import provenance
from grok.reports import summary as summaries
from grok.reports.figure import draw
from grok.reports.page import page
from grok.tasks.task import Data
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
    console = Console()
    settings = Settings.of(config)
    device = device_of(settings)
    training, (data,) = build([config])
    console.print(data.origin["why"], highlight=False)
    attributes = {**_attributes(training, data, config), "device": str(device), "command": command}

    def record() -> xr.Dataset:
        return training.history.dataset(0, {**attributes, "seconds": training.seconds})

    write_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
    tracked = "_target_" in config["logger"]
    loggers = [instantiate(config["logger"], "logger")(folder=folder.absolute(), config=config)] if tracked else []
    came = fit(
        training,
        settings,
        checkpoint=folder / "last.ckpt",
        save_record=lambda: write_dataset(folder / "record.nc", record()),
        loggers=loggers,
        console=console,
    )
    if came is not None:
        console.print(f"stopped at step {training.step:,} of {training.steps:,}; the same command with hydra.run.dir={folder} goes on", highlight=False)
        raise Interrupted(128 + came)
    written = record()
    summary = summaries.summarize(written)
    figures = draw(written, summary, folder / "figure.png")
    write_text(folder / "report.html", page(written, summary))
    write_json(folder / "summary.json", summary)
    console.print(summaries.table(summary))
    if tracked:
        from grok.training.tracking import close

        console.print(close(loggers[0], summary=summary, figures={"figure": figures}), highlight=False, soft_wrap=True)
    console.print(f"figure  {folder / 'figure.png'}\npage    {folder / 'report.html'}\nrecord  {folder / 'record.nc'}", highlight=False, soft_wrap=True)
    return summary


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
