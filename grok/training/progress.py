"""Progress on the terminal: optimiser steps of all cells, cells done, train and test accuracy, time left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType

from pytorch_lightning import Callback, Trainer
from rich import progress
from rich.console import Console

from grok.training.module import Training

LINE_EVERY_SECONDS = 10.0  # where the output is no terminal (a file, a cluster's log), a line so often instead of a bar


class Progress:
    """How far cells are that are to take so many steps each: a bar on a terminal, elsewhere a line now and then."""

    def __init__(self, console: Console, steps: Sequence[int]) -> None:
        self.console, self.cells, self.done, self.steps = console, len(steps), 0, 0
        self.total = sum(steps)
        self.begun_at = self.said_at = time.monotonic()
        self.bar = progress.Progress(
            "{task.description}",
            progress.BarColumn(bar_width=24),
            progress.MofNCompleteColumn(),
            "steps",
            progress.TextColumn("{task.fields[accuracy]}"),
            progress.TimeElapsedColumn(),
            "<",
            progress.TimeRemainingColumn(),
            console=console,
        )
        self.task = self.bar.add_task("training", total=self.total, accuracy="")

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def skip(self, steps: int, *, cells: int = 0) -> None:
        """Leave out steps that need not be trained, and count cells that are done, one way or the other."""
        self.total -= steps
        self.done += cells
        self._show("")

    def advance(self, steps: int, training: Training) -> None:
        """Count steps, summed over the replicas that took them."""
        self.steps += steps
        train, test = (float(training.history.latest(f"{part}_accuracy").nanmean()) for part in ("train", "test"))
        self._show(f"train {train:.3f}  test {test:.3f}")
        if not self.console.is_terminal and time.monotonic() - self.said_at >= LINE_EVERY_SECONDS:
            many = f"{len(training.optimizer_settings)} cells side by side, {self.done} of {self.cells} done; "
            each = (time.monotonic() - self.begun_at) / max(self.steps, 1)
            left = timedelta(seconds=round(each * (self.total - self.steps)))
            means = f"train {train:.3f}  test {test:.3f}"
            where = f"step {training.step:,} of {training.steps:,}"
            self.console.print(f"{where}  {many if self.cells > 1 else ''}{means}  {left} left")
            self.said_at = time.monotonic()

    def _show(self, accuracy: str) -> None:
        description = f"cells {self.done}/{self.cells}" if self.cells > 1 else "training"
        self.bar.update(self.task, description=description, total=self.total, completed=self.steps, accuracy=accuracy)


class Counting(Callback):
    """Tells the progress of every segment; accuracies are means over the replicas side by side."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_start(self, trainer: Trainer, pl_module: Training) -> None:  # type: ignore[override]
        self.step = pl_module.step

    def on_train_batch_end(self, trainer: Trainer, pl_module: Training, *args: object) -> None:  # type: ignore[override]
        taken, self.step = pl_module.step - self.step, pl_module.step
        self.progress.advance(taken * len(pl_module.optimizer_settings), pl_module)
