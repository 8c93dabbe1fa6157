"""Progress on the terminal: optimizer steps of all runs, finished runs, train and test accuracy, time left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType

from pytorch_lightning import Callback, Trainer
from rich import progress
from rich.console import Console

from grok.training.module import ReplicaModule

LINE_EVERY_SECONDS = 10.0  # interval of the lines that replace the bar where the output is not a terminal


class Progress:
    """Progress of runs with these numbers of steps: a bar on a terminal, otherwise a line every few seconds."""

    def __init__(self, console: Console, steps: Sequence[int]) -> None:
        self.console, self.n_runs, self.n_finished, self.steps = console, len(steps), 0, 0
        self.total = sum(steps)
        self.printed_at = time.monotonic()
        self.first_steps, self.started_at = 0, 0.0  # of the first segment, in which data are loaded and steps compiled
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

    def skip(self, steps: int, *, runs: int = 0) -> None:
        """Subtract steps that need no training, and count runs as finished."""
        self.total -= steps
        self.n_finished += runs
        self._update("")

    def advance(self, steps: int, module: ReplicaModule) -> None:
        """Count steps, summed over replicas; show mean accuracies over the replicas of the batch."""
        self.steps += steps
        if not self.first_steps:
            self.first_steps, self.started_at = steps, time.monotonic()
        train, test = (float(module.history.latest(f"{part}_accuracy").nanmean()) for part in ("train", "test"))
        accuracies = f"train {train:.3f}  test {test:.3f}"
        self._update(accuracies)
        n_timed, is_due = self.steps - self.first_steps, time.monotonic() - self.printed_at >= LINE_EVERY_SECONDS
        if n_timed and is_due and not self.console.is_terminal:
            counts = f"batch of {len(module.replicas)} runs, {self.n_finished} of {self.n_runs} runs finished; "
            seconds_per_step = (time.monotonic() - self.started_at) / n_timed
            left = timedelta(seconds=round(seconds_per_step * (self.total - self.steps)))
            position = f"step {module.step:,} of {module.steps:,}"
            self.console.print(f"{position}  {counts if self.n_runs > 1 else ''}{accuracies}  {left} left")
            self.printed_at = time.monotonic()

    def _update(self, accuracy: str) -> None:
        description = f"runs {self.n_finished}/{self.n_runs}" if self.n_runs > 1 else "training"
        self.bar.update(self.task, description=description, total=self.total, completed=self.steps, accuracy=accuracy)


class ProgressCallback(Callback):
    """Reports the steps of every segment to a `Progress`."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_start(self, trainer: Trainer, pl_module: ReplicaModule) -> None:  # type: ignore[override]
        self.step = pl_module.step

    def on_train_batch_end(self, trainer: Trainer, pl_module: ReplicaModule, *args: object) -> None:  # type: ignore[override]
        steps, self.step = pl_module.step - self.step, pl_module.step
        self.progress.advance(steps * len(pl_module.replicas), pl_module)
