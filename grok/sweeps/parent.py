"""A job in another process ends with the command that started it, also if that is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHECK_SECONDS = 1.0


@contextmanager
def end_with_parent() -> Iterator[None]:
    """Within this context, SIGTERM arrives if the process that started this one ends, as after `kill -9`.

    The process ends with the context, because a worker without a parent would wait for more jobs.
    """
    parent, ended = os.getppid(), threading.Event()

    def watch() -> None:
        while not ended.wait(CHECK_SECONDS):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        if os.getppid() != parent:
            os._exit(128 + signal.SIGTERM)
