"""Progress on the terminal: optimiser steps, train and test accuracy, time left."""

from __future__ import annotations

import time

from pytorch_lightning import Callback, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from grok.training.module import Training

LINE_EVERY_SECONDS = 10.0  # where the output is no terminal (a file, a cluster's log), a line so often instead of a bar


class ProgressBar(Callback):
    """A bar that counts optimiser steps; accuracies are means over the replicas."""

    def __init__(self, console: Console) -> None:
        self.bar = Progress(
            "{task.description}",
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            "steps",
            TextColumn("{task.fields[accuracy]}"),
            TimeElapsedColumn(),
            "<",
            TimeRemainingColumn(),
            console=console,
        )
        self.console = console
        self.said_at = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: Training) -> None:  # type: ignore[override]
        self.task = self.bar.add_task("training", total=pl_module.steps, completed=pl_module.step, accuracy="")
        if self.console.is_terminal:
            self.bar.start()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Training, *args: object) -> None:  # type: ignore[override]
        train, test = (float(pl_module.history.latest(f"{part}_accuracy").mean()) for part in ("train", "test"))
        accuracy = f"train {train:.3f}  test {test:.3f}"
        self.bar.update(self.task, completed=pl_module.step, accuracy=accuracy)
        if not self.console.is_terminal and time.monotonic() - self.said_at >= LINE_EVERY_SECONDS:
            self.console.print(f"step {pl_module.step:,} of {pl_module.steps:,}  {accuracy}")
            self.said_at = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: Training) -> None:  # type: ignore[override]
        self.bar.stop()

    def on_exception(self, trainer: Trainer, pl_module: Training, exception: BaseException) -> None:  # type: ignore[override]
        self.bar.stop()
