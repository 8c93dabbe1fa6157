"""Checkpoints: one file per replica, so that a run can resume alone or in another batch."""

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
from grok.models.weight_files import read_content
from grok.records.file_names import CHECKPOINT
from grok.records.files import write_bytes

PENDING = ".next.ckpt"  # replaces `CHECKPOINT` when the pending files of the whole batch are written

Checkpoint = Mapping[str, Any]  # Lightning's checkpoint of one replica; our own part is under "grok"


class ReplicaCheckpoints(CheckpointIO):
    """Lightning's checkpoint of batched replicas, stored as one file in each replica's folder.

    All pending files are written before the first one replaces its predecessor. Each file names the folders of the
    replicas that were saved with it. A kill at any moment therefore leaves a step that all replicas have: see
    `group_stackable`. Training starts from the checkpoints in `restored`, which is emptied when they are loaded.
    """

    def __init__(
        self, folders: Sequence[Path], *, metadata: Sequence[Mapping[str, Any]], restored: list[Checkpoint] | None
    ) -> None:
        self.folders, self.metadata, self.restored = folders, metadata, restored
        self.saved: Checkpoint | None = None
        self.root = commonpath(folders)
        self.names = [relpath(folder, self.root) for folder in folders]

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write every replica's part of the checkpoint to its folder; `path` is ignored.

        Raises:
            UserError: a folder is full or cannot be written; the previous checkpoints are intact.
        """
        self.saved = checkpoint
        for replica, folder in enumerate(self.folders):
            content = io.BytesIO()  # so that a full disk raises the file system's own error
            torch.save(self._replica_checkpoint(replica), content)
            write_bytes(folder / PENDING, content.getvalue())
        for folder in self.folders:
            (folder / PENDING).replace(folder / CHECKPOINT)

    def take_states(self, replicas: Sequence[int]) -> list[Checkpoint]:
        """The last saved checkpoints of these replicas, on the CPU. To be called once, after training."""
        states = [self._replica_checkpoint(replica) for replica in replicas]
        self.saved = None  # it refers to the network
        return states

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """The checkpoint of all replicas, stacked from their own."""
        assert self.restored, "there is a checkpoint to restore"
        stacked = stack_replicas(self.restored)
        self.restored.clear()
        return stacked

    def remove_checkpoint(self, path: Any) -> None:
        raise NotImplementedError("checkpoints are replaced, never removed")

    def _replica_checkpoint(self, replica: int) -> Checkpoint:
        """A replica's part of the last saved checkpoint."""
        assert self.saved, "a checkpoint has been saved"
        part = slice_replica(self.saved, replica)
        # relative paths, so that a sweep's folder can be moved
        saved_with = {"root": relpath(self.root, self.folders[replica]), "names": self.names}
        part["grok"] |= {**self.metadata[replica], "saved_with": saved_with}
        return part


def group_stackable(folders: Sequence[Path]) -> Iterator[tuple[list[int], list[Checkpoint] | None]]:
    """Groups of replicas whose checkpoints can be stacked: their indices in `folders`, and their checkpoints, if any.

    If a kill interrupted the saving of a batch, its replicas continue from the last step that all of them saved.

    Raises:
        UserError: a checkpoint cannot be read.
    """
    read = cache(_read_if_any)
    checkpoints = [_latest_consistent(folder, read) for folder in folders]
    groups: dict[Any, list[int]] = {}
    for index, checkpoint in enumerate(checkpoints):
        groups.setdefault(_stackable_key(checkpoint), []).append(index)
    for key, indices in groups.items():
        yield indices, None if key is None else [checkpoints[index] for index in indices]


def validate_data(folder: Path, checkpoint: Checkpoint, data: Mapping[str, str], *, advice: str = "") -> None:
    """Require that the data are those with which the checkpoint's run was started; `advice` says what else to do.

    Raises:
        UserError: the data have changed.
    """
    before = checkpoint["grok"]["data"]
    if any(before[key] != data[key] for key in ("checksum", "split")):
        raise UserError(
            f"{folder / CHECKPOINT}: this run was started on other data ({before['source']}; {before['split']}) than "
            f"those found now ({data['source']}; {data['split']}); restore them{advice}"
        )


def slice_replica(checkpoint: Mapping[str, Any], replica: int) -> dict[str, Any]:
    """One replica's part of a checkpoint of batched replicas."""

    def part(values: Tensor) -> Tensor:
        return values[replica : replica + 1].to("cpu", copy=True) if values.dim() else values

    (optimizer,) = checkpoint["optimizer_states"]
    state = {
        number: {name: part(values) for name, values in each.items()} for number, each in optimizer["state"].items()
    }
    history = checkpoint["grok"]["history"]
    columns = {name: column[:, replica : replica + 1].clone() for name, column in history["columns"].items()}
    final = {name: part(values) for name, values in history["final"].items()}
    return {
        **checkpoint,
        "state_dict": {name: part(values) for name, values in checkpoint["state_dict"].items()},
        "optimizer_states": [{"state": state, "param_groups": []}],
        "grok": {**checkpoint["grok"], "history": {**history, "columns": columns, "final": final}},
    }


def stack_replicas(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """The checkpoint of batched replicas from those of each replica, which are at the same step."""

    def stack(parts: Sequence[Mapping[Any, Tensor]], dim: int = 0) -> dict[Any, Tensor]:
        return {
            name: torch.cat([part[name] for part in parts], dim) if value.dim() else value.clone()
            for name, value in parts[0].items()
        }

    first = checkpoints[0]
    states = [each["optimizer_states"][0]["state"] for each in checkpoints]
    histories = [each["grok"]["history"] for each in checkpoints]
    state = {number: stack([each[number] for each in states]) for number in states[0]}
    columns = stack([history["columns"] for history in histories], dim=1)
    history = {**histories[0], "columns": columns, "final": stack([each["final"] for each in histories])}
    return {
        **first,
        "state_dict": stack([each["state_dict"] for each in checkpoints]),
        "optimizer_states": [{"state": state, "param_groups": []}],
        "grok": {**first["grok"], "history": history},
    }


def _stackable_key(checkpoint: Checkpoint | None) -> tuple[Any, ...] | None:
    """Equal for checkpoints that can be stacked: same step, same evaluations, same optimizer state (such as momentum or
    none), same final quantities, and latest sessions that computed in the same way."""
    if checkpoint is None:
        return None
    own = checkpoint["grok"]
    state_names = {name for each in checkpoint["optimizer_states"][0]["state"].values() for name in each}
    session = own["sessions"][-1]
    computed = (session.get("products"), session.get("compiled"))
    return (own["step"], *own["history"]["steps"], *sorted(state_names), *sorted(own["history"]["final"]), *computed)


def _latest_consistent(folder: Path, read: Callable[[Path], Checkpoint | None]) -> Checkpoint | None:
    """The pending checkpoint if all replicas that were saved with it have its step; else the one before."""
    pending = read(folder / PENDING)
    if not pending:
        return read(folder / CHECKPOINT)
    saved_with = pending["grok"]["saved_with"]
    others = [(folder / saved_with["root"] / name).resolve() for name in saved_with["names"]]

    def has_that_step(other: Path) -> bool:
        found = (read(other / PENDING), read(other / CHECKPOINT))
        return any(each and each["grok"]["step"] == pending["grok"]["step"] for each in found)

    return pending if all(map(has_that_step, others)) else read(folder / CHECKPOINT)


def _read_if_any(path: Path) -> Checkpoint | None:
    """The checkpoint of a run that resumes; None if there is no file."""
    if not path.exists():
        return None
    try:
        return parse_checkpoint(read_content(path), path)
    except UserError as error:
        raise UserError(f"{error}; choose another hydra.run.dir") from error


def parse_checkpoint(content: bytes, path: Path) -> Checkpoint:
    """A replica's checkpoint in the content of the file at this path, on the CPU.

    Raises:
        UserError: the content is no checkpoint, or damaged.
    """
    try:
        checkpoint: Checkpoint = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        checkpoint["grok"]["step"]
        return checkpoint
    except Exception as error:  # torch raises many kinds, depending on where the file is damaged
        reason = str(error).strip().splitlines()[0][:80] if str(error).strip() else type(error).__name__
        raise UserError(f"{path}: cannot be read as a checkpoint ({reason})") from error
