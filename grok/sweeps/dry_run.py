"""What a command would train: its runs, their batches, memory and estimated time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from grok.checks import FailedRunsError, UserError
from grok.records.file_names import CHECKPOINT, SUMMARY
from grok.sweeps.active_batch import RunState
from grok.sweeps.compute import products_of
from grok.sweeps.outputs import print_errors
from grok.sweeps.run import Run
from grok.sweeps.run_dir import needs_training
from grok.sweeps.schedule import estimated_bytes, split_to_fit_memory
from grok.training.build import build, select_device
from grok.training.free_memory import as_user_error, free_bytes, size_text
from grok.training.memory import keep_freed_memory
from grok.training.module import ReplicaModule
from grok.training.settings import Settings
from grok.training.starting_point import load_starting_points

MAX_MEASURED = 20  # batches whose steps are timed; the others are estimated to take as long
TIMED_STEPS, TIMED_SECONDS = 20, 1.0  # a batch is timed for at most so long, after one step that is not


@dataclass(frozen=True)
class PlannedBatch:
    """Runs that would train together, with their memory in bytes and their estimated seconds."""

    runs: Sequence[Run]
    n_bytes: int
    seconds: float


@dataclass
class Plan:
    """The batches that would train, the errors of the runs that would be refused, by their folders, and the memory that
    is free before the first batch is timed."""

    batches: list[PlannedBatch] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)
    free_bytes: int = 0


def plan_run(run: Run) -> None:
    """Print what a single run would train.

    Raises:
        UserError: it would be refused.
    """
    console = Console(highlight=False, soft_wrap=True, markup=False)
    plan = _plan([[run]], console)
    if plan.refused:
        raise UserError(next(iter(plan.refused.values())))
    _print_plan(plan, console)


def plan_sweep(batches: Sequence[Sequence[Run]], sweep: Path, console: Console) -> None:
    """Print what a sweep in this folder would train, and which runs it would refuse.

    Raises:
        FailedRunsError: runs would be refused; the command that trains them ends in the same way.
    """
    plan = _plan(batches, console)
    _print_plan(plan, console)
    print_errors("refused", [*plan.refused.items()], sweep, console)
    if plan.refused:
        raise FailedRunsError(next(iter(plan.refused.values())))


def _plan(batches: Sequence[Sequence[Run]], console: Console) -> Plan:
    """The plan of these batches. Steps that a run would compile are timed as they are before."""
    plan = Plan()
    for batch in batches:
        plan.free_bytes = plan.free_bytes or free_bytes(select_device(batch[0].config))
        for part in split_to_fit_memory(batch):
            usable, refused = _usable(part)
            plan.refused |= refused
            _add_to_plan(usable, plan, console)
    return plan


def _print_plan(plan: Plan, console: Console) -> None:
    """Print a line for each batch, and the sum."""
    table = Table(box=None, padding=(0, 2))
    for name in ("batch", "runs", "steps", "memory", "time"):
        table.add_column(name, justify="right")
    for number, batch in enumerate(plan.batches):
        steps = f"{batch.runs[0].config['steps']:,}"
        table.add_row(str(number), str(len(batch.runs)), steps, size_text(batch.n_bytes), _duration(batch.seconds))
    runs = [run for batch in plan.batches for run in batch.runs]
    if runs:
        console.print(table)
        total, free = sum(batch.seconds for batch in plan.batches), size_text(plan.free_bytes)
        console.print(f"about {_duration(total)} for {len(runs)} runs one batch after the other; free memory: {free}")
    n_finished = sum((run.folder / SUMMARY).exists() for run in runs)
    console.print(f"finished before: {n_finished}; dry_run=true trains nothing")


def _usable(runs: Sequence[Run]) -> tuple[list[Run], dict[Path, str]]:
    """The runs whose folders do not hold another run, and the errors of the others by their folders."""
    usable, refused = [], {}
    for run in runs:
        try:
            if run.folder.exists():
                needs_training(run.folder, run.config)
            usable.append(run)
        except UserError as error:
            refused[run.folder] = str(error)
    return usable, refused


def _add_to_plan(runs: Sequence[Run], plan: Plan, console: Console) -> None:
    """Add runs as they would train: those of a batch with a refused run in halves, until that run is alone."""
    if not runs:
        return
    try:
        plan.batches.append(_planned(runs, [batch.seconds for batch in plan.batches], console))
        return
    except Exception as error:
        refusal = as_user_error(error)
        if not isinstance(refusal, UserError):
            raise
        if len(runs) == 1:
            plan.refused[runs[0].folder] = str(refusal)
            return
    half = len(runs) // 2
    _add_to_plan(runs[:half], plan, console)
    _add_to_plan(runs[half:], plan, console)


def _planned(runs: Sequence[Run], measured: Sequence[float], console: Console) -> PlannedBatch:
    """A batch with its time, from its first steps and one evaluation, or the mean of enough others.

    Raises:
        UserError: a run would be refused.
    """
    n_bytes = estimated_bytes(runs)
    settings, device = Settings.from_config(runs[0].config), select_device(runs[0].config)
    with products_of([RunState(run, None) for run in runs], settings, device, console).active():
        module = build([run.config for run in runs])[0].to(device)
        seconds = sum(measured) / len(measured) if len(measured) >= MAX_MEASURED else _estimated_seconds(module)
    if not any((run.folder / CHECKPOINT).exists() for run in runs):
        load_starting_points(module, [run.config for run in runs])
    return PlannedBatch(runs, n_bytes, seconds)


def _estimated_seconds(module: ReplicaModule) -> float:
    """The time in which a module trains. It is trained for some steps."""
    keep_freed_memory()
    module.on_fit_start()
    optimizer = module.configure_optimizers()
    start = time.perf_counter()
    module.evaluate()
    per_evaluation = time.perf_counter() - start
    module.train_step(optimizer)
    start, first = time.perf_counter(), module.step
    while module.step < first + TIMED_STEPS and time.perf_counter() - start < TIMED_SECONDS:
        module.train_step(optimizer)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    per_step = (time.perf_counter() - start) / (module.step - first)
    return per_step * module.steps + per_evaluation * len(module.evaluation_steps)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=max(1, round(seconds))))
