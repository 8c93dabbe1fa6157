"""Batches of runs dispatched to another launcher: processes, Slurm, Ray."""

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
from grok.records.file_names import SUMMARY
from grok.sweeps.batch import Context
from grok.sweeps.parent import end_with_parent
from grok.sweeps.run import Outcome, Run, planned_steps, previous_outcome
from grok.sweeps.train import train_batch
from grok.training.interruption import Interruption
from grok.training.progress import Progress

# the extra that installs a launcher, by a part of its name
EXTRAS = {"joblib": "joblib", "submitit": "slurm", "ray": "ray"}


@dataclass(frozen=True)
class TrainBatch:
    """The task function that another launcher calls for each batch, in any process: picklable."""

    batches: list[list[Run]]
    sweep: Path
    cwd: Path  # of the command; relative paths depend on it

    def __call__(self, config: DictConfig) -> list[Outcome]:
        os.chdir(self.cwd)
        runs = self.batches[HydraConfig.get().job.num]
        console = Console(highlight=False, soft_wrap=True, markup=False)
        steps = [planned_steps(run) for run in runs]
        with end_with_parent(), Interruption() as interruption, Progress(console, steps) as progress:
            return train_batch(runs, Context(console, progress, interruption, self.sweep))


def dispatch(
    batches: list[list[Run]], sweep: Path, context: HydraContext, config: DictConfig, launcher: Mapping[str, Any]
) -> list[list[Outcome]]:
    """Give each batch to another launcher as one job.

    If a job dies, the launcher may return nothing. Runs with a summary then count as skipped, all others as failed.

    Raises:
        UserError: the launcher is not installed.
    """
    backend_config = config.copy()
    with open_dict(backend_config):
        backend_config.hydra.launcher, backend_config.hydra.sweep.dir = dict(launcher), str(sweep)
    try:
        task = TrainBatch(batches, sweep, Path.cwd())
        plugins = Plugins.instance()
        backend = plugins.instantiate_launcher(hydra_context=context, task_function=task, config=backend_config)
    except (RuntimeError, ImportError) as error:
        target, reason = str(launcher["_target_"]), str(error).strip().splitlines()[0]
        extra = next((extra for part, extra in EXTRAS.items() if part in target), "joblib,slurm,ray")
        raise UserError(
            f"hydra.launcher.dispatch_to={target}: not installed ({reason}); pip install -e '.[{extra}]'"
        ) from error
    try:
        returned = backend.launch([list(runs[0].overrides) for runs in batches], initial_job_idx=0)
    except Exception as error:  # a launcher raises when one of its jobs dies, whatever the others do
        return [_outcomes_from_folders(runs, error) for runs in batches]
    return [_batch_outcomes(runs, each) for runs, each in zip(batches, returned, strict=True)]


def _batch_outcomes(runs: Sequence[Run], returned: JobReturn) -> list[Outcome]:
    try:
        outcomes: list[Outcome] = returned.return_value
    except Exception as error:
        return _outcomes_from_folders(runs, error)
    return outcomes


def _outcomes_from_folders(runs: Sequence[Run], error: Exception) -> list[Outcome]:
    """The outcomes that the folders of a batch show, if its job returns none."""
    line = f"{type(error).__name__}: {error}".splitlines()[0]
    return [
        previous_outcome(run) if (run.folder / SUMMARY).exists() else Outcome("failed", error=line, trained=False)
        for run in runs
    ]
