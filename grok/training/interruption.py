"""Ctrl-C and SIGTERM end training after the current step, with everything saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from pytorch_lightning import Callback, LightningModule, Trainer

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption(Callback):
    """Within this context the first SIGINT or SIGTERM is remembered; a second one ends the process as usual.

    Lightning installs its own SIGTERM handler for a fit, which would raise within a segment. As a callback, this class
    replaces that handler when training starts.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.is_main_thread = threading.current_thread() is threading.main_thread()  # Python allows handlers only there

    def __call__(self) -> bool:
        """Whether a signal has arrived."""
        return self.signal is not None

    def __enter__(self) -> Interruption:
        if self.is_main_thread:
            self.before = {number: signal.getsignal(number) for number in SIGNALS}
            self._install_handlers()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_main_thread:
            for number, handler in self.before.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.is_main_thread and self.signal is None:
            self._install_handlers()

    def _install_handlers(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
