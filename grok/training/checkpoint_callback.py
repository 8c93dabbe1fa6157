"""Saving during training: checkpoints every few seconds and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytorch_lightning import Callback, Trainer

from grok.training.module import ReplicaModule

MAX_TIME_SHARE = 0.05  # maximum share of the time spent on saving: many replicas are saved less often than one


class CheckpointCallback(Callback):
    """Writes the checkpoints after a segment if it is time or if training ends, then calls `after_save`."""

    def __init__(self, *, every_seconds: float, after_save: Callable[[], None]) -> None:
        self.every_seconds, self.after_save = every_seconds, after_save
        self.saved_at, self.duration = time.monotonic(), 0.0

    def on_train_epoch_end(self, trainer: Trainer, pl_module: ReplicaModule) -> None:  # type: ignore[override]
        wait = max(self.every_seconds, self.duration / MAX_TIME_SHARE) if self.every_seconds else 0.0
        if trainer.should_stop or time.monotonic() - self.saved_at >= wait:
            started_at = time.monotonic()
            trainer.save_checkpoint("in each replica's folder")
            self.after_save()
            self.saved_at = time.monotonic()
            self.duration = self.saved_at - started_at
