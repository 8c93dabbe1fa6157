"""The launcher's engine: from the overrides of all cells to what the sweep leaves."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from plotly.offline import get_plotlyjs
from rich.console import Console

from grok.checks import FailedCellsError, choice, whole
from grok.records.files import write_text
from grok.records.sweep import DATASET, write_manifest
from grok.reports.page import PLOTLY
from grok.sweeps.cell import Cell, Outcome
from grok.sweeps.composing import cells_of, command
from grok.sweeps.elsewhere import train_elsewhere
from grok.sweeps.folder import locked
from grok.sweeps.group import steps_of, train_unit
from grok.sweeps.leavings import conclude
from grok.sweeps.plan import units_of
from grok.sweeps.watch import watching
from grok.training.instantiation import instantiate
from grok.training.interruption import Interruption
from grok.training.progress import Progress

NO_ALTERATION = ("cluster", "device", "hydra", "logger", "save_every_seconds", "scale", "study")


def launch(
    job_overrides: Sequence[Sequence[str]],
    first: int,
    context: HydraContext,
    config: DictConfig,
    *,
    unit: str,
    max_replicas: int | None,
    through: str | None,
    **settings: Any,
) -> list[JobReturn]:
    """Train the cells with these overrides, the first of which has this number; write what the sweep leaves.

    Raises:
        UserError: a setting of the launcher is not allowed, or another process is at work in the sweep's folder.
        FailedCellsError: cells failed, and no optimising sweeper waits for what the others found.
    """
    choice("hydra.launcher.unit", unit, ("group", "cell"))
    if max_replicas is not None:
        whole("hydra.launcher.max_replicas", max_replicas, least=1)
    declared: Any = OmegaConf.to_container(config.study, resolve=True) if "study" in config else None
    study = instantiate(declared, "study") if declared else None
    console = Console(highlight=False, soft_wrap=True, markup=False)
    sweep = Path(config.hydra.sweep.dir).absolute()
    with locked(sweep, key="hydra.sweep.dir"):
        cells = cells_of(job_overrides, first, context, config)
        _begin(sweep, cells, config)
        units = units_of(cells, most=1 if unit == "cell" else max_replicas)
        sizes = " + ".join(str(len(each)) for each in units[:8]) + (" + …" if len(units) > 8 else "")
        console.print(f"{len(cells)} cells ({sizes} side by side) in {config.hydra.sweep.dir}")
        if through is None:
            with Interruption() as interruption, Progress(console, [steps_of(cell) for cell in cells]) as progress:
                found = [
                    train_unit(each, sweep=sweep, console=console, progress=progress, interruption=interruption)
                    for each in units
                ]
        else:
            with watching([cell.folder for cell in cells], console), _told_how_to_go_on(console, cells[0]):
                found = train_elsewhere(units, sweep, context, config, {"_target_": through, **settings})
        outcomes = {
            cell.folder: how
            for each, outcome in zip(units, found, strict=True)
            for cell, how in zip(each, outcome, strict=True)
        }
        conclude(sweep, outcomes, console, study=study, made=_made(cells, config))
    return _returned(cells, outcomes, config)


@contextmanager
def _told_how_to_go_on(console: Console, cell: Cell) -> Iterator[None]:
    """Say how to go on when the user ends a command whose cells train elsewhere."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"stopped: the same command with {cell.again} goes on")
        raise


def _begin(sweep: Path, cells: Sequence[Cell], config: DictConfig) -> None:
    """Note the cells; take away what an earlier command made of them, which is made again at the end."""
    axes = [str(key) for key in config.hydra.sweeper.get("params") or ()] if "study" in config else []
    write_manifest(sweep, {os.path.relpath(cell.folder, sweep): cell.keys for cell in cells}, axes=axes)
    for name in (DATASET, "verdict.json"):
        (sweep / name).unlink(missing_ok=True)
    if not (sweep / PLOTLY).exists():
        write_text(sweep / PLOTLY, get_plotlyjs())
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # every cell that trains holds its folder's lock open
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _made(cells: Sequence[Cell], config: DictConfig) -> dict[str, str]:
    """What the Dataset says of the sweep as a whole; of a study, which it is, and whether its keys were altered."""
    given = list(config.hydra.overrides.task)
    made = {"name": str(cells[0].config["name"]), "command": command(given)}
    if "study" not in config:
        return made
    altered = [each for each in given if each.lstrip("+~").split("=")[0].split(".")[0] not in NO_ALTERATION]
    study = str(config.hydra.runtime.choices["study"])
    return {**made, "study": study, "scale": str(config.scale), "altered": " ".join(altered)}


def _returned(cells: Sequence[Cell], outcomes: dict[Path, Outcome], config: DictConfig) -> list[JobReturn]:
    """What Hydra's sweeper is told: what each cell found, infinity where that is no number.

    In a study, a run that diverged is a result like others.
    """
    in_study, optimised = "study" in config, config.hydra.runtime.choices["hydra/sweeper"] not in ("grid", "basic")
    failed = [how for how in outcomes.values() if how.status == "failed" and not (in_study and how.ran)]
    if failed and not optimised:
        raise FailedCellsError(failed[0].error)
    returned = []
    for cell in cells:
        found = outcomes[cell.folder].objective
        value = math.inf if found is None else found
        returned.append(JobReturn(overrides=list(cell.overrides), status=JobStatus.COMPLETED, _return_value=value))
    return returned
