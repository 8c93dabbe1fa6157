"""Cells trained side by side: from their folders as they stand to everything that finished runs leave."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from pytorch_lightning.loggers import WandbLogger
from rich.console import Console

from grok.checks import UserError
from grok.records.files import write_text
from grok.records.names import ERROR, FIGURE, PAGE, RECORD, SUMMARY
from grok.records.provenance import provenance
from grok.reports import summary as summaries
from grok.sweeps.cell import Cell, Outcome, begin, finished_before, leave, objective, save, tracked
from grok.sweeps.folder import claimed
from grok.sweeps.plan import chunks
from grok.training.build import build, device_of
from grok.training.checkpoint import Checkpoint, ReplicaCheckpoints, check_data, standings
from grok.training.fit import fit, products
from grok.training.interruption import Interruption
from grok.training.module import Training
from grok.training.progress import Progress
from grok.training.saving import SHARE
from grok.training.settings import Settings

# How long the records of cells that go on as others end may wait, or longer where they take more than their share of
# the time; checkpoints do not.
RECORD_SECONDS = 60.0

Tracks = dict[Path, tuple[ExitStack, list[WandbLogger]]]  # each cell's loggers, after what ends them


class Interrupted(SystemExit):
    """Training was ended early by a signal. No Exception, so that a sweep ends with it; exits as shells expect."""


def train_alone(cell: Cell) -> Outcome:
    """Train one cell, whose folder is claimed, and tell how it went.

    Raises:
        UserError: a value that a task, model, optimiser or measure refuses, or a file that cannot be read or written.
        Interrupted: a signal came; the folder holds all that was trained, and the same command goes on.
    """
    console = Console(highlight=False, soft_wrap=True, markup=False)
    with Interruption() as interruption, Progress(console, [cell.config["steps"]]) as progress:
        group = Group(console, progress, interruption, sweep=None)
        group.train([cell])
    console.print(summaries.table(group.summaries[cell.folder]))
    for name in (FIGURE, PAGE, RECORD):
        console.print(cell.folder / name)
    return group.outcomes[cell.folder]


def train_unit(
    cells: Sequence[Cell], *, sweep: Path, console: Console, progress: Progress, interruption: Interruption
) -> list[Outcome]:
    """Train cells side by side, as many at a time as fit into memory; what one of them cannot do is its own failure.

    Raises:
        Interrupted: a signal came; the folders hold all that was trained, and the same command goes on.
    """
    group = Group(console, progress, interruption, sweep=sweep)
    for part in chunks(cells):
        with ExitStack() as claims:
            waiting = []
            for cell in part:
                try:
                    if claims.enter_context(claimed(cell.folder, cell.config)):
                        waiting.append(cell)
                    else:
                        group.settle(cell, finished_before(cell), steps=steps_of(cell))
                except UserError as error:
                    group.settle(cell, Outcome("failed", error=str(error), ran=False), steps=steps_of(cell))
            _train_or_halve(group, waiting)
    return [group.outcomes[cell.folder] for cell in cells]


def steps_of(cell: Cell) -> int:
    """The steps that a cell is to take; none where that is no number, which is told when it is to be trained."""
    steps = cell.config.get("steps")
    return steps if isinstance(steps, int) else 0


def _train_or_halve(group: Group, cells: Sequence[Cell]) -> None:
    """Train the cells; where that fails, each half of those that are left, until the cells that fail are alone.

    So a value that one cell's task refuses, or a memory that is too small for all of them, stops no other.
    """
    if not cells:
        return
    try:
        group.train(cells)
        return
    except Exception as error:
        rest = [cell for cell in cells if cell.folder not in group.outcomes]
        if len(rest) == 1:
            group.fail(rest[0], error)
            return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # the error is forgotten by now, and with it what it kept in memory
    _train_or_halve(group, rest[: len(rest) // 2])
    _train_or_halve(group, rest[len(rest) // 2 :])


class Group:
    """Cells that train side by side, and how those that have ended did."""

    def __init__(self, console: Console, progress: Progress, interruption: Interruption, *, sweep: Path | None) -> None:
        self.console, self.progress, self.interruption, self.sweep = console, progress, interruption, sweep
        self.outcomes: dict[Path, Outcome] = {}
        self.summaries: dict[Path, dict[str, Any]] = {}
        self.sittings: dict[Path, list[dict[str, Any]]] = {}
        self.record_from = 0.0  # when cells that go on are to have their records written again as another ends

    def train(self, cells: Sequence[Cell]) -> None:
        """Train the cells, whose folders are claimed, from where they stand until each has ended.

        A cell that ends before the others leaves the batch: the others go on without it, from what was saved.
        """
        settings = Settings.of(cells[0].config)
        device = device_of(cells[0].config)
        with products(settings.precision, device) as product_error, ExitStack() as at_the_end:
            tracks: Tracks = {}
            waiting = list(cells)
            part: list[Cell] = []
            begun: list[Checkpoint] | None = None
            self.record_from = 0.0
            while waiting:
                self.stop_if_told(waiting[0])
                if not part:
                    numbers, begun = next(standings([cell.folder for cell in waiting]))
                    part = [waiting[number] for number in numbers]
                begun = self._sit(part, begun, tracks, at_the_end, device=device, product_error=product_error)
                part = [cell for cell in part if cell.folder not in self.outcomes]
                waiting = [cell for cell in waiting if cell.folder not in self.outcomes]

    def stop_if_told(self, cell: Cell, where: str = "") -> None:
        """End the process if a signal has come, with a word on how to go on."""
        if self.interruption.signal is not None:
            self.console.print(f"stopped{where}: the same command with {cell.again} goes on")
            raise Interrupted(128 + self.interruption.signal)

    def settle(self, cell: Cell, outcome: Outcome, *, steps: int) -> None:
        """Remember how a cell ended, with so many steps that need not be trained."""
        self.outcomes[cell.folder] = outcome
        self.progress.skip(steps, cells=1)

    def fail(self, cell: Cell, error: Exception) -> None:
        """Remember that a cell failed, and keep its error in its folder where that can be written."""
        line = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}".splitlines()[0]
        told = line if isinstance(error, UserError) else "".join(traceback.format_exception(error))
        if cell.folder.is_dir() and not (cell.folder / SUMMARY).exists():
            with suppress(UserError):  # where the folder cannot be written, the line says so
                write_text(cell.folder / ERROR, told.rstrip() + "\n")
        self.settle(cell, Outcome("failed", error=line, ran=False), steps=steps_of(cell))

    def _sit(
        self,
        cells: Sequence[Cell],
        begun: list[Checkpoint] | None,
        tracks: Tracks,
        at_the_end: ExitStack,
        **on: Any,
    ) -> list[Checkpoint]:
        """Train cells that stand at the same step until one of them ends or a signal comes, and give what the others go
        on from."""
        training, data = build([cell.config for cell in cells])
        if begun:
            for cell, each, checkpoint in zip(cells, data, begun, strict=True):
                check_data(cell.folder, checkpoint, each.origin)
        for number, (cell, each) in enumerate(zip(cells, data, strict=True)):
            if cell.folder not in tracks:  # not before its data are there: a mistake leaves no run behind
                own = at_the_end.enter_context(ExitStack())
                told = self.sweep is None or not tracks
                tracks[cell.folder] = (own, own.enter_context(tracked(cell, self.console, told=told)))
            if cell.folder not in self.sittings:
                self._open(cell, begun[number] if begun else None, why=each.origin["why"], beside=len(cells), **on)
        tags = [
            {"data": {k: v for k, v in each.origin.items() if k != "why"}, "sittings": self.sittings[cell.folder]}
            for cell, each in zip(cells, data, strict=True)
        ]

        def record(replica: int) -> xr.Dataset:
            return training.history.dataset(replica, _attributes(training, cells[replica], tags[replica]))

        def save_records() -> None:
            begun_at, ended = time.monotonic(), training.finished()
            others_wait = ended.any() and not self.interruption() and begun_at < self.record_from
            for replica, cell in enumerate(cells):
                if ended[replica] or not others_wait:
                    save(cell, record(replica))
            if not others_wait:
                saved_at = time.monotonic()
                self.record_from = saved_at + max(RECORD_SECONDS, (saved_at - begun_at) / SHARE)

        checkpoints = ReplicaCheckpoints([cell.folder for cell in cells], tags=tags, begun=begun)
        fit(
            training,
            device=on["device"],
            checkpoints=checkpoints,
            save_every_seconds=Settings.of(cells[0].config).save_every_seconds,
            save_records=save_records,
            interruption=self.interruption,
            loggers=[logger for cell in cells for logger in tracks[cell.folder][1]],
            progress=self.progress,
        )
        ended = training.finished()
        for replica in ended.nonzero().flatten().tolist():
            self._end(cells[replica], record(replica), training, replica, *tracks[cells[replica].folder])
        others = (~ended).nonzero().flatten().tolist()
        if others and self.interruption():
            save_records()
            self.stop_if_told(cells[0], f" at step {training.step:,} of {training.steps:,}")
        return checkpoints.hand_over(others)

    def _end(
        self,
        cell: Cell,
        record: xr.Dataset,
        training: Training,
        replica: int,
        track: ExitStack,
        loggers: list[WandbLogger],
    ) -> None:
        """Leave everything that a finished run leaves, and close its loggers."""
        error = f"diverged: the loss at step {training.step:,} is not finite" if training.diverged()[replica] else ""
        summary = leave(cell, record, loggers, self.console, error=error, sweep=self.sweep)
        track.close()
        self.summaries[cell.folder] = summary
        outcome = Outcome("failed" if error else "done", objective(cell.config, summary), error)
        self.settle(cell, outcome, steps=training.steps - training.step)

    def _open(
        self,
        cell: Cell,
        checkpoint: Checkpoint | None,
        *,
        why: str,
        beside: int,
        device: torch.device,
        product_error: float,
    ) -> None:
        """Note how this sitting of a cell begins: from which step, beside how many (itself counted), and on what."""
        own: Mapping[str, Any] = checkpoint["grok"] if checkpoint else {"step": 0, "sittings": []}
        if self.sweep is None or not self.sittings:
            self.console.print(why)
        sitting = {
            "from_step": own["step"],
            "command": cell.command,
            "device": str(device),
            "product_error": product_error,
            "side_by_side": beside,
            **provenance(),
        }
        self.sittings[cell.folder] = [*own["sittings"], sitting]
        self.progress.skip(own["step"])
        begin(cell)


def _attributes(training: Training, cell: Cell, tags: dict[str, Any]) -> dict[str, Any]:
    """What the record says of the run as a whole; what may change when it is resumed is said for each sitting."""
    thresholds = training.task.thresholds
    return {
        "task": cell.config["task"]["_target_"],
        "memorization_threshold": thresholds.memorization,
        "generalization_threshold": thresholds.generalization,
        "grokking_delay": thresholds.grokking_delay,
        "thresholds_stay": int(thresholds.stay),
        **{f"data_{name}": text for name, text in tags["data"].items()},
        "n_parameters": sum(parameter[0].numel() for parameter in training.model.parameters()),
        "config": json.dumps(cell.config),
        "sittings": json.dumps(tags["sittings"]),
        **tags["sittings"][-1],
        "seconds": training.seconds,
    }
