"""The folder of a run: one process at a time, one configuration for ever, and nothing in it overwritten."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from grok.checks import UserError
from grok.configuration import differences, value_at
from grok.records.names import CONFIG, FIGURE, LAST, PAGE, RECORD, SUMMARY

WITHOUT_EFFECT = ("logger", "save_every_seconds", "objective", "picture")  # these do not touch the numbers
MAY_CHANGE = (*WITHOUT_EFFECT, "steps", "stop_when_grokked")  # a run can be prolonged
LOCK = ".lock"
FILES = (CONFIG, RECORD, SUMMARY, FIGURE, PAGE, LAST)


@contextmanager
def claimed(folder: Path, config: Mapping[str, Any]) -> Iterator[bool]:
    """Keep the folder to this process and this configuration; gives whether anything is left to train.

    Raises:
        UserError: the folder cannot be written, another process trains in it, or it holds another run.
    """
    with locked(folder, key="hydra.run.dir"):
        yield _adopt(folder, config)


@contextmanager
def locked(folder: Path, *, key: str) -> Iterator[None]:
    """Make the folder, and keep other processes out of it; one in which nothing was written is removed again.

    Raises:
        UserError: the folder, which the user gave by `key`, cannot be written, or another process is at work in it.
    """
    lock = _lock(folder, key)
    try:
        yield
    finally:
        if [path.name for path in folder.glob("*")] == [LOCK]:  # a mistake, told before anything was written
            (folder / LOCK).unlink()
            folder.rmdir()
        os.close(lock)


def _lock(folder: Path, key: str) -> int:
    """The folder's lock as an open file; it is held until the file is closed or the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise UserError(f"{key}={folder}: cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise UserError(f"{key}={folder}: another process is training there") from error
    except OSError:
        return lock  # a file system without locks, as some clusters have: go on without
    return lock


def _adopt(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether anything is left to train in the folder; refuse one that holds a run of another configuration."""
    held = {path.name for path in folder.iterdir()} & set(FILES)
    if CONFIG not in held:
        if held:
            raise UserError(f"hydra.run.dir={folder}: holds {min(held)} but no {CONFIG}; choose another folder")
        return True
    if RECORD in held and LAST not in held:
        raise UserError(f"{folder / LAST}: missing, while the record is there; choose another hydra.run.dir")
    before = yaml.safe_load((folder / CONFIG).read_text())
    if not isinstance(before, dict):
        raise UserError(f"{folder / CONFIG}: is no configuration; choose another hydra.run.dir")
    changed = [key for key in differences(before, config) if key.split(".")[0] not in WITHOUT_EFFECT]
    for key in changed:
        was, now = value_at(before, key), value_at(config, key)
        prolonged = (key == "steps" and now > was) or (key == "stop_when_grokked" and was)
        if not prolonged:
            raise UserError(
                f"{key}={now}: the run in {folder} was made with {key}={was}; choose another hydra.run.dir "
                "(a run can be prolonged, by steps or stop_when_grokked=false, and its logger changed; nothing else)"
            )
    return bool(changed) or SUMMARY not in held
