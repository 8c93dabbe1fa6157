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

PROLONGABLE = ("steps", "stop_when_grokked")  # a run may go on for longer, or be told not to stop
WITHOUT_EFFECT = ("logger", "save_every_seconds")  # these do not touch the numbers
LOCK = ".lock"
FILES = ("config.yaml", "record.nc", "summary.json", "figure.png", "report.html", "last.ckpt")


@contextmanager
def claimed(folder: Path, config: Mapping[str, Any]) -> Iterator[bool]:
    """Keep the folder to this process and this configuration; gives whether anything is left to train.

    Raises:
        UserError: the folder cannot be written, another process trains in it, or it holds another run.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise UserError(f"hydra.run.dir={folder}: cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield _adopt(folder, config)
    except BlockingIOError as error:
        raise UserError(f"hydra.run.dir={folder}: another process is training there") from error
    finally:
        os.close(lock)
        if [path.name for path in folder.iterdir()] == [LOCK]:  # a mistake, told before anything was written
            (folder / LOCK).unlink()
            folder.rmdir()


def _adopt(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether anything is left to train in the folder; refuse one that holds a run of another configuration."""
    file = folder / "config.yaml"
    if not file.exists():
        strangers = sorted({path.name for path in folder.iterdir()} & set(FILES))
        if strangers:
            raise UserError(
                f"hydra.run.dir={folder}: holds {', '.join(strangers)} but no config.yaml; choose another folder"
            )
        return True
    before = yaml.safe_load(file.read_text())
    changed = sorted(_differences(before, config))
    free = [key for key in changed if key.split(".")[0] in PROLONGABLE + WITHOUT_EFFECT]
    if changed != free:
        key = next(key for key in changed if key not in free)
        raise UserError(
            f"{key}={_at(config, key)}: the run in {folder} was made with {key}={_at(before, key)}; "
            f"give that, or another hydra.run.dir (only {', '.join(PROLONGABLE + WITHOUT_EFFECT)} may change)"
        )
    if config["steps"] < before["steps"]:
        raise UserError(
            f"steps={config['steps']}: the run in {folder} was made with steps={before['steps']}; "
            "it can only be prolonged"
        )
    prolonged = any(key in PROLONGABLE for key in changed)
    return prolonged or not (folder / "summary.json").exists()


def _differences(before: Any, now: Any, key: str = "") -> Iterator[str]:
    """The dotted keys at which two configurations differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in before.keys() | now.keys():
            yield from _differences(before.get(name), now.get(name), f"{key}.{name}" if key else name)
    elif before != now:
        yield key


def _at(config: Any, key: str) -> Any:
    """The value at a dotted key, None where there is none."""
    for name in key.split("."):
        config = config.get(name) if isinstance(config, dict) else None
    return config
