"""Progress of runs that train in other processes: a line when more of them have finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from grok.records.file_names import SUMMARY

EVERY_SECONDS = 5.0


@contextmanager
def watch_progress(folders: Sequence[Path], console: Console) -> Iterator[None]:
    """Within this context, print how many of the runs have finished and how long the rest may take."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(folders, console, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(folders: Sequence[Path], console: Console, done: threading.Event) -> None:
    started_at, n_before = time.monotonic(), _n_finished(folders)
    n_printed = n_before
    while not done.wait(EVERY_SECONDS):
        n_finished = _n_finished(folders)
        if n_finished > n_printed:
            n_printed, seconds_per_run = n_finished, (time.monotonic() - started_at) / (n_finished - n_before)
            left = timedelta(seconds=round(seconds_per_run * (len(folders) - n_finished)))
            console.print(f"runs {n_finished}/{len(folders)} finished, about {left} left")


def _n_finished(folders: Sequence[Path]) -> int:
    return sum((folder / SUMMARY).exists() for folder in folders)
