"""Ctrl-C and SIGTERM end training after the current step, with everything saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from pytorch_lightning import Callback, LightningModule, Trainer

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption(Callback):
    """While this context is open, the first SIGINT or SIGTERM is remembered; a second one ends the process as ever.

    Lightning sets a SIGTERM handler of its own for a fit, which would raise in mid-segment: as a callback this takes
    its place when training starts.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.may_handle = threading.current_thread() is threading.main_thread()  # elsewhere Python allows no handlers

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None

    def __enter__(self) -> Interruption:
        if self.may_handle:
            self.before = {number: signal.getsignal(number) for number in SIGNALS}
            self._take_over()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.may_handle:
            for number, handler in self.before.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.may_handle and self.signal is None:
            self._take_over()

    def _take_over(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
