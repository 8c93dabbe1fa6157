"""Checkpoints: one file a replica, as if it had trained alone, whatever company it trained in."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from os.path import commonpath, relpath
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import CheckpointIO
from torch import Tensor

from grok.checks import UserError
from grok.records.files import write_bytes
from grok.records.names import LAST

NEXT = ".next.ckpt"  # the one that is about to take the place of `LAST`, when all of a group's are written

Checkpoint = Mapping[str, Any]  # Lightning's, of one replica; what is ours of it is under "grok"


class ReplicaCheckpoints(CheckpointIO):
    """Lightning's checkpoint of replicas side by side, kept in a file in each replica's folder.

    All files are written beside the old ones before the first takes its place, and each names the folders of those that
    were saved together, so that a kill at any moment leaves a step that they all have: see `standings`. Replicas go on
    from those in `begun`, which is emptied when they do.
    """

    def __init__(
        self, folders: Sequence[Path], *, tags: Sequence[Mapping[str, Any]], begun: list[Checkpoint] | None
    ) -> None:
        self.folders, self.tags, self.begun = folders, tags, begun
        self.saved: Checkpoint | None = None
        self.above = commonpath(folders)
        self.names = [relpath(folder, self.above) for folder in folders]

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write every replica's part of the checkpoint. `path` has no meaning: each replica has a folder.

        Raises:
            UserError: a folder is full or cannot be written; what was saved before is unharmed.
        """
        self.saved = checkpoint
        for replica, folder in enumerate(self.folders):
            content = io.BytesIO()  # so that a full disk is the file system's own error
            torch.save(self._own(replica), content)
            write_bytes(folder / NEXT, content.getvalue())
        for folder in self.folders:
            (folder / NEXT).replace(folder / LAST)

    def hand_over(self, replicas: Sequence[int]) -> list[Checkpoint]:
        """What these replicas' files hold, on the CPU: to go on from without reading them. To be asked once, after
        training, before another step is taken."""
        found = [self._own(replica) for replica in replicas]
        self.saved = None  # with which the network goes
        return found

    def _own(self, replica: int) -> Checkpoint:
        """A replica's part of the checkpoint that was saved last."""
        assert self.saved, "it was saved"
        own = _cut(self.saved, replica)
        together = {"above": relpath(self.above, self.folders[replica]), "names": self.names}  # a sweep can be moved
        own["grok"] |= {**self.tags[replica], "together": together}
        return own

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """The checkpoint of all replicas, put together from those that they began with."""
        assert self.begun, "there is something to go on from"
        joined = _joined(self.begun)
        self.begun.clear()
        return joined

    def remove_checkpoint(self, path: Any) -> None:
        raise NotImplementedError("checkpoints are replaced, never removed")


def standings(folders: Sequence[Path]) -> Iterator[tuple[list[int], list[Checkpoint] | None]]:
    """Which replicas stand at the same step, with what they go on from there: None for those that have not begun.

    Where a kill came between the files of replicas that were saved together, they stand where all of them can.

    Raises:
        UserError: a checkpoint cannot be read.
    """
    read = cache(_read)
    chosen = [_latest(folder, read) for folder in folders]
    alike: dict[Any, list[int]] = {}
    for number, checkpoint in enumerate(chosen):
        own = checkpoint["grok"] if checkpoint else None
        state = checkpoint["optimizer_states"][0]["state"].values() if checkpoint else ()
        gathered = sorted({name for each in state for name in each})  # by momentum or without
        kept = sorted(own["history"]["last"]) if own else ()
        key = (own["step"], *own["history"]["steps"], *gathered, *kept) if own else None
        alike.setdefault(key, []).append(number)
    for key, numbers in alike.items():
        yield numbers, None if key is None else [chosen[number] for number in numbers]


def check_data(folder: Path, checkpoint: Checkpoint, data: Mapping[str, str]) -> None:
    """Refuse to go on from a checkpoint of a run that was begun on other data."""
    before = checkpoint["grok"]["data"]
    if any(before[key] != data[key] for key in ("checksum", "split")):
        raise UserError(
            f"{folder / LAST}: this run was begun on other data ({before['source']}; {before['split']}) than are "
            f"found now ({data['source']}; {data['split']}); bring those back, or choose another hydra.run.dir"
        )


def _latest(folder: Path, read: Callable[[Path], Checkpoint | None]) -> Checkpoint | None:
    """The checkpoint that a kill kept from its place, if all that were saved with it have that step; else the last."""
    upcoming = read(folder / NEXT)
    if not upcoming:
        return read(folder / LAST)
    together = upcoming["grok"]["together"]
    others = [(folder / together["above"] / name).resolve() for name in together["names"]]

    def has_that_step(other: Path) -> bool:
        found = (read(other / NEXT), read(other / LAST))
        return any(each and each["grok"]["step"] == upcoming["grok"]["step"] for each in found)

    return upcoming if all(map(has_that_step, others)) else read(folder / LAST)


def _read(path: Path) -> Checkpoint | None:
    """A checkpoint; None where there is no file."""
    if not path.exists():
        return None
    try:
        checkpoint: Checkpoint = torch.load(path, weights_only=True, map_location="cpu")
        checkpoint["grok"]["step"]
        return checkpoint
    except Exception as error:  # torch raises many kinds, by where the file is damaged
        reason = str(error).strip().splitlines()[0][:80] if str(error).strip() else type(error).__name__
        raise UserError(f"{path}: cannot be read as a checkpoint ({reason}); choose another hydra.run.dir") from error


def _cut(checkpoint: Mapping[str, Any], replica: int) -> dict[str, Any]:
    """The part of a checkpoint that is one replica's."""

    def own(values: Tensor) -> Tensor:
        return values[replica : replica + 1].to("cpu", copy=True) if values.dim() else values

    (optimizer,) = checkpoint["optimizer_states"]
    state = {
        number: {name: own(values) for name, values in each.items()} for number, each in optimizer["state"].items()
    }
    history = checkpoint["grok"]["history"]
    columns = {name: column[:, replica : replica + 1].clone() for name, column in history["columns"].items()}
    last = {name: own(values) for name, values in history["last"].items()}
    return {
        **checkpoint,
        "state_dict": {name: own(values) for name, values in checkpoint["state_dict"].items()},
        "optimizer_states": [{"state": state, "param_groups": []}],
        "grok": {**checkpoint["grok"], "history": {**history, "columns": columns, "last": last}},
    }


def _joined(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """The checkpoint of replicas side by side from those of each: they stand at the same step."""
    first = checkpoints[0]

    def together(parts: Sequence[Tensor], axis: int = 0) -> Tensor:
        return torch.cat(list(parts), axis) if parts[0].dim() else parts[0].clone()

    states = [each["optimizer_states"][0]["state"] for each in checkpoints]
    histories = [each["grok"]["history"] for each in checkpoints]
    return {
        **first,
        "state_dict": {
            name: together([each["state_dict"][name] for each in checkpoints]) for name in first["state_dict"]
        },
        "optimizer_states": [
            {
                "state": {
                    number: {name: together([state[number][name] for state in states]) for name in each}
                    for number, each in states[0].items()
                },
                "param_groups": [],
            }
        ],
        "grok": {
            **first["grok"],
            "history": {
                **histories[0],
                "columns": {
                    name: together([history["columns"][name] for history in histories], 1)
                    for name in histories[0]["columns"]
                },
                "last": {
                    name: together([history["last"][name] for history in histories]) for name in histories[0]["last"]
                },
            },
        },
    }
