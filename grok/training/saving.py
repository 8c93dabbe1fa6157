"""Saving while training: a checkpoint and the record, atomically, every few seconds and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pytorch_lightning import Callback, Trainer

from grok.records.files import write_atomically
from grok.training.module import Training


class Saving(Callback):
    """Writes `last.ckpt` after a segment when `every_seconds` have passed or training ends, and then calls `also`."""

    def __init__(self, checkpoint: Path, *, every_seconds: float, also: Callable[[], None]) -> None:
        self.checkpoint, self.every_seconds, self.also = checkpoint, every_seconds, also
        self.saved_at = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Training) -> None:  # type: ignore[override]
        if trainer.should_stop or time.monotonic() - self.saved_at >= self.every_seconds:
            write_atomically(self.checkpoint, trainer.save_checkpoint)
            self.also()
            self.saved_at = time.monotonic()
