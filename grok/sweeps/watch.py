"""Watching cells that train elsewhere: a line when more of them are done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from grok.records.names import SUMMARY

EVERY_SECONDS = 5.0


@contextmanager
def watching(folders: Sequence[Path], console: Console) -> Iterator[None]:
    """While this context is open, tell how many of the cells have ended, and how long the rest may take."""
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(folders, console, over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(folders: Sequence[Path], console: Console, over: threading.Event) -> None:
    begun_at, before = time.monotonic(), _ended(folders)
    told = before
    while not over.wait(EVERY_SECONDS):
        ended = _ended(folders)
        if ended > told:
            told, each = ended, (time.monotonic() - begun_at) / (ended - before)
            left = timedelta(seconds=round(each * (len(folders) - ended)))
            console.print(f"cells {ended}/{len(folders)} done, about {left} left")


def _ended(folders: Sequence[Path]) -> int:
    return sum((folder / SUMMARY).exists() for folder in folders)
