"""The folder of a run: one process at a time, and one run.

Another configuration is refused, except for changes that extend the run or do not affect its numbers.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from grok.checks import UserError, as_typed_value
from grok.configuration import differences, value_at
from grok.records.file_names import CHECKPOINT, CONFIG, FIGURE, PAGE, RECORD, SUMMARY, WEIGHTS
from grok.records.run_config import read_config

FREE_KEYS = ("logger", "save_every_seconds", "objective", "plot")  # any value, also in the folder of a run
KEYS_WITHOUT_EFFECT = (*FREE_KEYS, "keep_weights")  # on the numbers; the steps so far were kept as it was before
CHANGEABLE_KEYS = (*KEYS_WITHOUT_EFFECT, "steps", "stop_when_grokked", "stop_when_overfit")  # a run can be extended
LOCK = ".lock"
FILES = (CONFIG, RECORD, SUMMARY, FIGURE, PAGE, CHECKPOINT, WEIGHTS)


class _InUseError(UserError):
    """Another process has locked the folder."""


@contextmanager
def acquire_run_dir(folder: Path, config: Mapping[str, Any]) -> Iterator[bool]:
    """Reserve the folder for this process and this configuration; yields whether the run needs training.

    Raises:
        UserError: the folder cannot be written, another process trains in it, or it holds another run.
    """
    with lock_dir(folder, key="hydra.run.dir"):
        yield needs_training(folder, config)


@contextmanager
def lock_dir(folder: Path, *, key: str) -> Iterator[Path]:
    """Make the folder and lock it against other processes; remove it again if nothing was written. Yields the folder.

    Raises:
        UserError: the folder, which the user set by `key`, cannot be written, or another process is using it.
    """
    lock = _acquire_lock(folder, key)
    try:
        yield folder
    finally:
        if [path.name for path in folder.glob("*")] == [LOCK]:  # a mistake was found before anything was written
            (folder / LOCK).unlink()
            folder.rmdir()
        os.close(lock)


@contextmanager
def lock_new_dir(folder: Path, *, key: str) -> Iterator[Path]:
    """As `lock_dir`, but of the first of `folder`, `folder_2`, … that is empty and that no other process uses.

    Runs that begin in the same second have the same default folder.
    """
    for candidate in numbered(folder):
        with ExitStack() as lock:
            try:
                lock.enter_context(lock_dir(candidate, key=key))
            except _InUseError:
                continue
            if [path.name for path in candidate.iterdir()] == [LOCK]:
                yield candidate
                return


def numbered(folder: Path) -> Iterator[Path]:
    """The folders `folder`, `folder_2`, `folder_3`, …"""
    yield folder
    yield from (folder.with_name(f"{folder.name}_{number}") for number in count(2))


def _acquire_lock(folder: Path, key: str) -> int:
    """The folder's lock as an open file, held until the file is closed or the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise UserError(f"{key}={folder}: cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise _InUseError(f"{key}={folder}: another process is training there") from error
    except OSError:
        return lock  # a file system without locks, as on some clusters: continue without one
    return lock


def needs_training(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether the run in this folder needs training.

    Raises:
        UserError: the folder holds a run of another configuration, or files that are not a run's.
    """
    present = {path.name for path in folder.iterdir()} & set(FILES)
    if CONFIG not in present:
        if present:
            raise UserError(f"hydra.run.dir={folder}: holds {min(present)} but no {CONFIG}; choose another folder")
        return True
    before = read_config(folder / CONFIG)
    if RECORD in present and CHECKPOINT not in present:
        raise UserError(f"{folder / CHECKPOINT}: missing, although there is a record; choose another hydra.run.dir")
    changed = [key for key in differences(before, config) if key.split(".")[0] not in FREE_KEYS]
    for key in changed:
        old, new = value_at(before, key), value_at(config, key)
        extended = (key == "steps" and new > old) or (key in ("stop_when_grokked", "stop_when_overfit") and not new)
        if not extended:
            given, made = _given(key, config) or f"~{key}", _given(key, before)
            raise UserError(
                f"{given}: the run in {folder} was made {f'with {made}' if made else f'without {key}'}; choose another "
                "hydra.run.dir (these can change: steps can be increased, stop_when_grokked set to false, "
                f"stop_when_overfit to null, and {', '.join(FREE_KEYS)} set to any value)"
            )
    return bool(changed) or SUMMARY not in present


def _given(key: str, config: Mapping[str, Any]) -> str | None:
    """A key with its value, or with the names of its own keys; None if the configuration lacks it."""
    group, _, name = key.rpartition(".")
    mapping = value_at(config, group) if group else config
    if not isinstance(mapping, Mapping) or name not in mapping:
        return None
    value = mapping[name]
    return f"{key}={{{', '.join(value)}}}" if isinstance(value, Mapping) else f"{key}={as_typed_value(value)}"
