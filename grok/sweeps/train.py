"""Trains one run, or a batch of runs of a sweep within its memory limit and with its failures isolated."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import torch
from rich.console import Console

from grok.checks import UserError
from grok.records.file_names import ERROR, FIGURE, PAGE, RECORD, SUMMARY
from grok.records.files import write_text
from grok.reports.run.summary_table import summary_table
from grok.sweeps.batch import Context, EndedRun, train_together
from grok.sweeps.run import Outcome, Run, planned_steps, previous_outcome
from grok.sweeps.run_dir import acquire_run_dir
from grok.sweeps.schedule import split_to_fit_memory
from grok.training.free_memory import as_user_error
from grok.training.interruption import Interruption
from grok.training.progress import Progress


def train_run(run: Run) -> Outcome:
    """Train one run, whose folder is acquired, and print its summary.

    Raises:
        UserError: a value that a task, model, optimizer or measure refuses, or a file that cannot be read or written.
        Interrupted: a signal arrived; the folder holds everything trained, and the same command resumes.
    """
    console = Console(highlight=False, soft_wrap=True, markup=False)
    last_lines: list[str] = []
    try:
        with Interruption() as interruption, Progress(console, [run.config["steps"]]) as progress:
            context = Context(console, progress, interruption, sweep=None, last_lines=last_lines)
            (ended,) = train_together([run], context)
        assert ended.summary, "a run that has trained has a summary"
        console.print(summary_table(ended.summary))
        for name in (FIGURE, PAGE, RECORD):
            console.print(run.folder / name)
    except Exception as error:
        raise as_user_error(error) from error
    finally:
        for line in last_lines:
            console.print(line)
    return ended.outcome


def train_batch(runs: Sequence[Run], context: Context) -> list[Outcome]:
    """Train runs that can be batched, as many at a time as fit into memory. A run's error fails that run only.

    Raises:
        Interrupted: a signal arrived; the folders hold everything trained, and the same command resumes.
    """
    outcomes: dict[Path, Outcome] = {}
    for part in split_to_fit_memory(runs):
        with ExitStack() as run_dirs:
            waiting = []
            for run in part:
                if context.failures.has_stopped:
                    outcomes[run.folder] = Outcome("stopped", trained=False)
                    continue
                try:
                    if run_dirs.enter_context(acquire_run_dir(run.folder, run.config)):
                        waiting.append(run)
                        continue
                    outcomes[run.folder] = previous_outcome(run)
                except UserError as error:
                    outcomes[run.folder] = Outcome("failed", error=str(error), trained=False)
                    context.failures.note(outcomes[run.folder])
                context.progress.skip(planned_steps(run), runs=1)
            outcomes |= {ended.run.folder: ended.outcome for ended in _train_or_split(waiting, context)}
    return [outcomes[run.folder] for run in runs]


def _train_or_split(runs: Sequence[Run], context: Context) -> list[EndedRun]:
    """Train the runs; on an error train each half of the remaining runs, until each failing run is alone.

    A value that one run's task refuses, or too little memory for all of them, therefore stops no other run.
    """
    ended: list[EndedRun] = []
    if not runs or context.failures.has_stopped:
        return _stopped(runs)
    try:
        for each in train_together(runs, context):
            ended.append(each)  # keeps the runs that end before an error
            if context.failures.has_stopped:
                break
        return [*ended, *_stopped(_others(runs, ended))]
    except Exception as error:
        rest = _others(runs, ended)
        if not rest:
            raise  # the summary of a run that has trained could not be written
        if len(rest) == 1:
            return [*ended, _failed(rest[0], error, context)]
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        context.console.print(
            f"a batch of {len(rest)} runs failed ({reason}); its halves are tried one after the other"
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # the error is out of scope here, and so is the memory that it held
    half = len(rest) // 2
    return [*ended, *_train_or_split(rest[:half], context), *_train_or_split(rest[half:], context)]


def _others(runs: Sequence[Run], ended: Sequence[EndedRun]) -> list[Run]:
    """The runs that have not ended."""
    folders = {each.run.folder for each in ended}
    return [run for run in runs if run.folder not in folders]


def _stopped(runs: Sequence[Run]) -> list[EndedRun]:
    return [EndedRun(run, Outcome("stopped", trained=False)) for run in runs]


def _failed(run: Run, error: Exception, context: Context) -> EndedRun:
    """A run that failed, with its error written to its folder if that is possible."""
    error = as_user_error(error)
    is_mistake = isinstance(error, UserError)
    line = str(error) if is_mistake else f"{type(error).__name__}: {error}".splitlines()[0]
    text = line if is_mistake else "".join(traceback.format_exception(error))
    if run.folder.is_dir() and not (run.folder / SUMMARY).exists():
        with suppress(UserError):  # the error already says that the folder cannot be written
            write_text(run.folder / ERROR, text.rstrip() + "\n")
    context.progress.skip(planned_steps(run), runs=1)
    outcome = Outcome("failed", error=line, trained=False)
    context.failures.note(outcome)
    return EndedRun(run, outcome)
