"""Units of work given to another launcher: processes, Slurm, Ray."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict
from rich.console import Console

from grok.checks import UserError
from grok.records.names import SUMMARY
from grok.sweeps.cell import Cell, Outcome, finished_before
from grok.sweeps.group import steps_of, train_unit
from grok.training.interruption import Interruption
from grok.training.progress import Progress


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
        with Interruption() as interruption, Progress(console, [steps_of(cell) for cell in cells]) as progress:
            return train_unit(cells, sweep=self.sweep, console=console, progress=progress, interruption=interruption)


def train_elsewhere(
    units: list[list[Cell]], sweep: Path, context: HydraContext, config: DictConfig, launcher: Mapping[str, Any]
) -> list[list[Outcome]]:
    """Give each unit of work to another launcher, as a job of its own; a job that dies is its cells' failure.

    Raises:
        UserError: the launcher is not installed.
    """
    other = config.copy()
    with open_dict(other):
        other.hydra.launcher, other.hydra.sweep.dir = dict(launcher), str(sweep)
    try:
        work = Work(units, sweep, Path.cwd())
        inner = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=work, config=other)
    except (RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"hydra.launcher.through={launcher['_target_']}: cannot be had ({reason}); "
            "pip install -e '.[joblib,slurm,ray]' installs what there is"
        ) from error
    try:
        returned = inner.launch([list(cells[0].overrides) for cells in units], initial_job_idx=0)
    except Exception as error:  # what a launcher raises when one of its jobs dies, whatever the others do
        return [_found(cells, error) for cells in units]
    return [_outcomes(cells, each) for cells, each in zip(units, returned, strict=True)]


def _outcomes(cells: Sequence[Cell], returned: JobReturn) -> list[Outcome]:
    try:
        outcomes: list[Outcome] = returned.return_value
    except Exception as error:
        return _found(cells, error)
    return outcomes


def _found(cells: Sequence[Cell], error: Exception) -> list[Outcome]:
    """What the folders of a unit's cells say, when its job cannot."""
    line = f"{type(error).__name__}: {error}".splitlines()[0]
    return [
        finished_before(cell) if (cell.folder / SUMMARY).exists() else Outcome("failed", error=line, ran=False)
        for cell in cells
    ]
