"""Ctrl-C and SIGTERM end training after the current step, with everything saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from pytorch_lightning import Callback, LightningModule, Trainer


class Interruption(Callback):
    """While training lasts, the first SIGINT or SIGTERM is remembered; a second one kills at once, as ever.

    The handlers are set when training starts, after Lightning has set its own, which would raise in mid-segment.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.before: dict[signal.Signals, object] = {}

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            self.before = {number: signal.signal(number, self._remember) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._hand_back()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._hand_back()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        for each in self.before:
            signal.signal(each, signal.SIG_DFL)

    def _hand_back(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
