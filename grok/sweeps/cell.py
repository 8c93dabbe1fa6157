"""One cell: from a resolved configuration to a folder with everything a run leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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
from grok.training import checkpoint as checkpoints
from grok.training import tracking
from grok.training.build import build, device_of
from grok.training.fit import fit, products
from grok.training.instantiation import instantiate
from grok.training.interruption import Interruption
from grok.training.module import Training
from grok.training.settings import Settings


class Interrupted(SystemExit):
    """Training was ended early by a signal. No Exception, so that a sweep ends with it; exits as shells expect."""


def train(config: Mapping[str, Any], folder: Path, *, command: str, again: str) -> dict[str, Any]:
    """Train the configuration in the folder from where it stands; write its files and return its summary.

    `command` is what the record says of how it was made; `again` is what a user adds to it to go on in this folder.

    Raises:
        UserError: a value that a task, model, optimiser or measure refuses, or a file that cannot be read or written.
        Interrupted: a signal came; the folder holds all that was trained, and the same command goes on.
    """
    console = Console(highlight=False, soft_wrap=True, markup=False)
    settings = Settings.of(config)
    device = device_of(settings)
    checkpoint = folder / "last.ckpt"
    with Interruption() as interruption, products(settings.precision, device) as product_error:
        training, (data,) = build([config])
        console.print(data.origin["why"])
        training.data = {name: text for name, text in data.origin.items() if name != "why"}
        begun = checkpoints.read(checkpoint, data=training.data)
        sitting = {
            "from_step": begun["step"] if begun else 0,
            "command": command,
            "device": str(device),
            **provenance(),
        }
        training.sittings = [*(begun["sittings"] if begun else []), sitting]
        attributes = {**_attributes(training, config), **sitting, "product_error": product_error}

        def record() -> xr.Dataset:
            return training.history.dataset(0, {**attributes, "seconds": training.seconds})

        with _tracked(config, folder, console) as loggers:
            (folder / "summary.json").unlink(missing_ok=True)  # a run that is prolonged is unfinished again
            write_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
            fit(
                training,
                device=device,
                checkpoint=checkpoint,
                save_every_seconds=settings.save_every_seconds,
                save_record=lambda: write_dataset(folder / "record.nc", record()),
                interruption=interruption,
                loggers=loggers,
                console=console,
            )
            if interruption.signal is not None and not training.is_finished():
                where = f"step {training.step:,} of {training.steps:,}"
                console.print(f"stopped at {where}: the same command with {again} goes on")
                raise Interrupted(128 + interruption.signal)
            summary = _leave(folder, record())
            for logger in loggers:
                tracking.mirror(logger, record(), summary=summary, figures={"figure": folder / "figure.png"})
        console.print(summaries.table(summary))
        for name in ("figure.png", "report.html", "record.nc"):
            console.print(folder / name)
    return summary


def _leave(folder: Path, record: xr.Dataset) -> dict[str, Any]:
    """Write what a finished run leaves beside its record, the summary last: it says that the run is finished."""
    summary = summaries.summarize(record)
    draw(record, summary, folder / "figure.png")
    write_text(folder / "report.html", page(record, summary))
    write_json(folder / "summary.json", summary)
    return summary


@contextmanager
def _tracked(config: Mapping[str, Any], folder: Path, console: Console) -> Iterator[list[WandbLogger]]:
    """The loggers that the configuration asks for; ended, with a word on where to look, however the run ends."""
    if "_target_" not in config["logger"]:
        yield []
        return
    logger = instantiate(config["logger"], "logger")(folder=folder.absolute(), config=config)
    ended_well = False
    try:
        yield [logger]
        ended_well = True
    finally:
        console.print(tracking.finish(logger, ended_well=ended_well))


def _attributes(training: Training, config: Mapping[str, Any]) -> dict[str, str | int | float]:
    """What the record says of the run as a whole; what may change when it is resumed is said for each sitting."""
    thresholds = training.task.thresholds
    return {
        "task": config["task"]["_target_"],
        "memorization_threshold": thresholds.memorization,
        "generalization_threshold": thresholds.generalization,
        "grokking_delay": thresholds.grokking_delay,
        **{f"data_{name}": text for name, text in training.data.items()},
        "n_parameters": sum(parameter[0].numel() for parameter in training.model.parameters()),
        "config": json.dumps(config),
        "sittings": json.dumps(training.sittings),
    }
