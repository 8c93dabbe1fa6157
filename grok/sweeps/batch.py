"""Trains runs together in one process, from their checkpoints to their outputs; restarts when one of them ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from grok.records.provenance import provenance
from grok.sweeps.active_batch import ActiveBatch, RecordWriter, RunState
from grok.sweeps.compute import compile_if_wanted, products_of
from grok.sweeps.run import Outcome, Run, mark_finished, objective, write_config, write_outputs
from grok.sweeps.run_loggers import LoggerStack
from grok.tasks.task import Data
from grok.training.build import build, select_device
from grok.training.checkpoint import Checkpoint, ReplicaCheckpoints, group_stackable, validate_data
from grok.training.fit import fit
from grok.training.interruption import Interruption
from grok.training.products import Products
from grok.training.progress import Progress
from grok.training.settings import Settings
from grok.training.starting_point import load_starting_points
from grok.training.threads import wait_setting
from grok.training.weights_callback import WeightsCallback


class Interrupted(SystemExit):
    """A signal ended training early. Not an Exception, so that it ends a sweep; the exit code is what shells expect."""


@dataclass
class FirstFailure:
    """Whether a sweep stops at the first failure, and whether it has."""

    stops: bool = False
    has_stopped: bool = False

    def note(self, outcome: Outcome) -> None:
        """Stop the sweep if it is to stop and this run failed."""
        self.has_stopped |= self.stops and outcome.status == "failed"


@dataclass(frozen=True)
class Context:
    """What all runs of a process share: terminal, progress, interruption, and the sweep's folder if it is a sweep."""

    console: Console
    progress: Progress
    interruption: Interruption
    sweep: Path | None
    failures: FirstFailure = field(default_factory=FirstFailure)
    # Each run that has started in this process, by its folder, with the step and the sessions before.
    started: dict[Path, tuple[int, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    # To be printed after everything else: where the loggers' data are.
    last_lines: list[str] = field(default_factory=list)

    def stop_if_interrupted(self, run: Run, position: str = "") -> None:
        """End the process if a signal has arrived, and print how to resume."""
        if self.interruption.signal is not None:
            self.console.print(f"stopped{position}: the same command with {run.resume_with} resumes")
            raise Interrupted(128 + self.interruption.signal)


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended, with its summary if it has one."""

    run: Run
    outcome: Outcome
    summary: dict[str, Any] | None = None


def train_together(runs: Sequence[Run], context: Context) -> Iterator[EndedRun]:
    """Train runs, whose folders are acquired, from their checkpoints; yields each run when it has ended.

    A run that ends before the others leaves the batch; the others continue from their last checkpoints.

    Raises:
        UserError: a value that a task, model, optimizer or measure refuses, or a file that cannot be used.
        Interrupted: a signal arrived; the folders hold everything trained, and the same command resumes.
    """
    device, settings = select_device(runs[0].config), Settings.from_config(runs[0].config)
    writer, remaining = RecordWriter(), list(runs)
    with LoggerStack(context.console, context.last_lines) as loggers:
        while remaining:
            context.stop_if_interrupted(remaining[0])
            indices, checkpoints = next(group_stackable([run.folder for run in remaining]))
            states = [
                RunState(remaining[index], checkpoint)
                for index, checkpoint in zip(indices, checkpoints or repeat(None), strict=False)
            ]
            products = products_of(states, settings, device, context.console)
            while states:
                context.stop_if_interrupted(states[0].run)
                with products.active():
                    batch, checkpoints = _start_batch(states, context, loggers, settings, device, products)
                    states = []  # frees the checkpoints once they are loaded
                    ended, states = _train_until_a_run_ends(batch, checkpoints, context, writer, device)
                yield from ended
            remaining = [run for index, run in enumerate(remaining) if index not in indices]


def _start_batch(
    states: Sequence[RunState],
    context: Context,
    loggers: LoggerStack,
    settings: Settings,
    device: torch.device,
    products: Products,
) -> tuple[ActiveBatch, list[Checkpoint] | None]:
    """The batch that trains runs at the same step, and the checkpoints that it starts from."""
    module, data = build([state.run.config for state in states])
    for state, each in zip(states, data, strict=True):
        if state.checkpoint:
            advice = ", or choose another hydra.run.dir"
            validate_data(state.run.folder, state.checkpoint, each.provenance.recorded, advice=advice)
    is_new = not any(state.checkpoint for state in states)  # a resumed run does not need what it started from
    starts = load_starting_points(module, [state.run.config for state in states]) if is_new else [{} for _ in states]
    compute = {
        "n_batched": len(states),
        "device": str(device),
        "n_threads": torch.get_num_threads(),
        "thread_waiting": wait_setting(),
        "products": products.library,
        "matmul_relative_error": products.error,
        "compiled": int(compile_if_wanted(module, states, settings, device, products, context.console)),
    }
    started = []
    for state, each, start in zip(states, data, starts, strict=True):  # after all are valid: a mistake starts no run
        if state.loggers is None:
            state = _start_run(state, each, context, loggers, module.step, **start, **compute)
        latest = {**state.sessions[-1], "compiled": compute["compiled"]}
        started.append(replace(state, checkpoint=None, sessions=[*state.sessions[:-1], latest]))
    resumed = [state.checkpoint for state in states if state.loggers is None and state.checkpoint]
    if resumed:
        names = "resumes" if context.sweep is None else f"{len(resumed)} runs resume"
        context.console.print(f"{names} at step {resumed[0]['grok']['step']:,}")
    checkpoints = [state.checkpoint for state in states if state.checkpoint]
    return ActiveBatch(started, module, [each.provenance.recorded for each in data]), checkpoints or None


def _start_run(
    state: RunState, data: Data, context: Context, loggers: LoggerStack, first_step: int, **noted: Any
) -> RunState:
    """A run with its loggers open and its new session noted: first step, command, size of its batch, device."""
    run = state.run
    saved: Any = state.checkpoint["grok"] if state.checkpoint else {"step": first_step, "sessions": []}
    is_first_attempt = run.folder not in context.started  # another follows an error in the batch
    step, sessions = context.started.setdefault(run.folder, (saved["step"], saved["sessions"]))
    announce = context.sweep is None or run.folder == next(iter(context.started))
    opened = loggers.open_loggers(run, saved.get("history"), announce=context.sweep is None)
    if is_first_attempt:
        context.progress.skip(step)
        if announce:
            context.console.print(data.provenance.message)
    write_config(run)
    session = {"from_step": step, "command": run.command, **noted, **provenance()}
    return replace(state, sessions=[*sessions, session], loggers=opened)


def _train_until_a_run_ends(
    batch: ActiveBatch,
    checkpoints: list[Checkpoint] | None,
    context: Context,
    writer: RecordWriter,
    device: torch.device,
) -> tuple[list[EndedRun], list[RunState]]:
    """Train until a run ends or a signal arrives; returns the runs that have ended and those that continue."""
    module, runs = batch.module, batch.runs
    folders, settings = [run.folder for run in runs], Settings.from_config(runs[0].config)
    files = ReplicaCheckpoints(folders, metadata=batch.metadata, restored=checkpoints)
    fit(
        module,
        device=device,
        checkpoints=files,
        weights=WeightsCallback(folders, last=settings.keep_weights_last, optimizer=settings.keep_weights_optimizer),
        save_every_seconds=settings.save_every_seconds,
        save_records=lambda: writer.write(batch, interrupted=context.interruption()),
        interruption=context.interruption,
        loggers=[logger for state in batch.states if state.loggers for logger in state.loggers.loggers],
        progress=context.progress,
    )
    finished = module.finished()
    ended = [_end_run(batch, replica, context) for replica in finished.nonzero().flatten().tolist()]
    others = (~finished).nonzero().flatten().tolist()
    for each in ended:
        context.failures.note(each.outcome)
    if others and (context.interruption() or context.failures.has_stopped):
        writer.write(batch, interrupted=True)
        context.stop_if_interrupted(runs[0], f" at step {module.step:,} of {module.steps:,}")
    continued = zip(others, files.take_states(others), strict=True)
    return ended, [replace(batch.states[replica], checkpoint=checkpoint) for replica, checkpoint in continued]


def _end_run(batch: ActiveBatch, replica: int, context: Context) -> EndedRun:
    """Write the outputs of a run that has trained, finish its loggers, and then mark it as finished."""
    state, module = batch.states[replica], batch.module
    assert state.loggers is not None, "the run has started"
    error = f"diverged: the loss at step {module.step:,} is not finite" if module.diverged()[replica] else ""
    outputs = write_outputs(state.run, batch.record(replica), context.console, error=error, sweep=context.sweep)
    state.loggers.finish(outputs, partial(mark_finished, state.run, outputs.summary))
    context.progress.skip(module.steps - module.step, runs=1)
    outcome = Outcome("failed" if error else "done", objective(state.run.config, outputs.summary), error)
    return EndedRun(state.run, outcome, outputs.summary)
