"""Saving while training: checkpoints and records, atomically, every few seconds and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytorch_lightning import Callback, Trainer

from grok.training.module import Training

SHARE = 0.05  # of the time may go into saving, at most: many replicas are saved less often than one


class Saving(Callback):
    """Writes the checkpoints after a segment when it is time or training ends, and then calls `also`."""

    def __init__(self, *, every_seconds: float, also: Callable[[], None]) -> None:
        self.every_seconds, self.also = every_seconds, also
        self.saved_at, self.lasted = time.monotonic(), 0.0

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Training) -> None:  # type: ignore[override]
        wait = max(self.every_seconds, self.lasted / SHARE) if self.every_seconds else 0.0
        if trainer.should_stop or time.monotonic() - self.saved_at >= wait:
            begun_at = time.monotonic()
            trainer.save_checkpoint("in each replica's folder")
            self.also()
            self.saved_at = time.monotonic()
            self.lasted = self.saved_at - begun_at
