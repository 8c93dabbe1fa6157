"""The file that ties the folder of a run to its W&B run: the ID, and where the latest session's data are."""

from __future__ import annotations

import json
import os
import shlex
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from grok.records.files import write_json, write_text

WANDB = "wandb.json"
UNSENT = "wandb_unsent.txt"  # in the folder of a sweep


def run_id(folder: Path) -> str:
    """The ID of this folder's W&B run, made once so that a resumed run continues it.

    In a W&B sweep it is the ID that the agent assigned to this trial.
    """
    given = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    noted = _read(folder)["id"] if (folder / WANDB).exists() else None
    name = given or noted or uuid.uuid4().hex[:8]
    if name != noted:
        write_json(folder / WANDB, {"id": name})
    return str(name)


def note_session(folder: Path, *, url: str | None, unsent: str | None) -> None:
    """Note where the session's data are: the address of the W&B run, and the local folder until W&B has received it.

    The local folder of an earlier session stays. The session repeats its evaluations, so `wandb sync` need not send it.
    """
    earlier = _read(folder).get("unsent")
    if earlier and earlier != unsent:
        for data in Path(earlier).glob("*.wandb"):
            data.with_name(f"{data.name}.synced").touch()  # W&B's own mark of what it has sent
    write_json(folder / WANDB, {"id": run_id(folder), "url": url, "unsent": unsent})


def sweep_line(sweep: Path, folders: Iterable[Path]) -> str | None:
    """One line that says where the W&B runs in these folders are; None if there are none.

    The folders that W&B did not receive are listed in a file of the sweep, so that one command sends them.
    """
    notes = [_read(folder) for folder in folders if (folder / WANDB).exists()]
    unsent = [note["unsent"] for note in notes if note.get("unsent")]
    urls = [note["url"] for note in notes if note.get("url")]
    (sweep / UNSENT).unlink(missing_ok=True)
    if unsent:
        write_text(sweep / UNSENT, "".join(f"{shlex.quote(folder)}\n" for folder in unsent))
        command = f"xargs wandb sync --include-online < {shlex.quote(str(sweep / UNSENT))}"
        return f"W&B offline: `{command}` sends {len(unsent)} {'run' if len(unsent) == 1 else 'runs'} to an account"
    return f"W&B {urls[0].rpartition('/runs/')[0]}" if urls else None


def _read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / WANDB).read_text())
    return found
