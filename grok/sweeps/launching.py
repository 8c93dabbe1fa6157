"""The launcher's engine: from the overrides of all cells to units of work, here or through another launcher."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console

from grok.checks import FailedCellsError, UserError, choice, whole
from grok.configuration import value_at
from grok.records.sweep import write_manifest
from grok.sweeps.cell import Cell, Outcome
from grok.sweeps.group import train_each
from grok.sweeps.leavings import leave
from grok.sweeps.plan import chunks, units
from grok.sweeps.watch import watching
from grok.training.progress import Progress

NOT_A_CELLS = ("hydra", "study", "scale")  # parts of the composed configuration that no cell's numbers depend on


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
        UserError: a setting of the launcher is not allowed, or the launcher that it goes through is not there.
    """
    choice("hydra.launcher.unit", unit, ("group", "cell"))
    if max_replicas is not None:
        whole("hydra.launcher.max_replicas", max_replicas, least=1)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    sweep = Path(config.hydra.sweep.dir).absolute()
    cells = [_composed(overrides, first + at, context, config) for at, overrides in enumerate(job_overrides)]
    sweep.mkdir(parents=True, exist_ok=True)
    write_manifest(sweep, {os.path.relpath(cell.folder, sweep): cell.keys for cell in cells})
    work = units(cells, most=1 if unit == "cell" else max_replicas)
    sizes = " + ".join(str(len(each)) for each in work[:8]) + (" + …" if len(work) > 8 else "")
    console.print(f"{len(cells)} cells ({sizes} side by side) in {config.hydra.sweep.dir}")
    if through is None:
        with Progress(console, cells=len(cells), steps=_steps(cells)) as progress:
            outcomes = [_outcomes(each, sweep, console, progress) for each in work]
    else:
        with watching([cell.folder for cell in cells], console):
            outcomes = _elsewhere(work, sweep, context, config, {"_target_": through, **settings})
    by_folder = {
        cell.folder: how
        for each, found in zip(work, outcomes, strict=True)
        for cell, how in zip(each, found, strict=True)
    }
    study: Any = OmegaConf.to_container(config.study, resolve=True) if "study" in config else None
    made = {
        "name": str(cells[0].config["name"]),
        "command": _command(config.hydra.overrides.task),
        **({"scale": str(config.scale)} if study else {}),
    }
    leave(sweep, by_folder, console, study=study, made=made)
    return [_returned(cell, by_folder[cell.folder], in_study=study is not None) for cell in cells]


def _composed(overrides: Sequence[str], number: int, context: HydraContext, config: DictConfig) -> Cell:
    """The cell with these overrides, composed as Hydra composes a job."""
    composed = context.config_loader.load_sweep_config(config, list(overrides))
    with open_dict(composed):
        composed.hydra.job.num, composed.hydra.job.id = number, f"{composed.hydra.job.name}_{number}"
    HydraConfig.instance().set_config(composed)
    folder = Path(composed.hydra.sweep.dir, composed.hydra.sweep.subdir)
    with open_dict(composed):
        del composed["hydra"]
    whole_of_it: Any = OmegaConf.to_container(composed, resolve=True)
    resolved = {key: value for key, value in whole_of_it.items() if key not in NOT_A_CELLS}
    return Cell(
        config=resolved,
        folder=folder.absolute(),
        command=_command(overrides),
        again=f"hydra.sweep.dir='{config.hydra.sweep.dir}'",
        keys=_keys(overrides, resolved),
        overrides=tuple(overrides),
    )


def _keys(overrides: Sequence[str], config: dict[str, Any]) -> dict[str, Any]:
    """The overridden keys with their values; for a choice among files, the file's name."""
    keys = {}
    for override in overrides:
        name, _, text = override.partition("=")
        name = name.lstrip("+~")
        value = value_at(config, name)
        keys[name] = text if isinstance(value, dict) or (value is None and text != "null") else value
    return {name: value for name, value in keys.items() if name.split(".")[0] not in NOT_A_CELLS}


def _command(overrides: Sequence[str]) -> str:
    """The command, for records: without the folder that it was given, which is another one elsewhere."""
    return shlex.join(["python", "train.py", *[each for each in overrides if not each.startswith("hydra.sweep.dir=")]])


def _steps(cells: Sequence[Cell]) -> int:
    steps = [cell.config.get("steps") for cell in cells]
    return max((each for each in steps if isinstance(each, int)), default=1)


def _outcomes(cells: Sequence[Cell], sweep: Path, console: Console, progress: Progress) -> list[Outcome]:
    """Train a unit of work, as many cells at a time as fit into memory."""
    return [how for part in chunks(cells) for how in train_each(part, sweep=sweep, console=console, progress=progress)]


@dataclass(frozen=True)
class Work:
    """The task function that another launcher runs for each unit of work, in whatever process: picklable."""

    units: list[list[Cell]]
    sweep: Path
    folder: Path  # where the command was given, on which relative paths depend

    def __call__(self, config: DictConfig) -> list[Outcome]:
        os.chdir(self.folder)
        cells = self.units[HydraConfig.get().job.num]
        console = Console(highlight=False, soft_wrap=True, markup=False)
        with Progress(console, cells=len(cells), steps=_steps(cells)) as progress:
            return _outcomes(cells, self.sweep, console, progress)


def _elsewhere(
    work: list[list[Cell]], sweep: Path, context: HydraContext, config: DictConfig, launcher: dict[str, Any]
) -> list[list[Outcome]]:
    """Give each unit of work to another launcher, as a job of its own."""
    other = config.copy()
    with open_dict(other):
        other.hydra.launcher, other.hydra.sweep.dir = launcher, str(sweep)
    try:
        inner = Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=Work(work, sweep, Path.cwd()), config=other
        )
    except (RuntimeError, ImportError) as error:
        raise UserError(
            f"hydra.launcher.through={launcher['_target_']}: is not installed (pip install -e '.[joblib,slurm,ray]')"
        ) from error
    returned = inner.launch([list(cells[0].overrides) for cells in work], initial_job_idx=0)
    return [each.return_value for each in returned]


def _returned(cell: Cell, outcome: Outcome, *, in_study: bool) -> JobReturn:
    """What Hydra's sweeper is told of a cell. In a study, a run that diverged is a result like others."""
    failed = outcome.status == "failed" and not (in_study and outcome.ran)
    returned = JobReturn(overrides=list(cell.overrides), working_dir=str(cell.folder), task_name="train")
    returned.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
    returned.return_value = FailedCellsError(outcome.error) if failed else outcome.objective
    return returned
