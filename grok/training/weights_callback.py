"""Weights along training: one safetensors file per replica and kept step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from grok.records.file_names import optimizer_file, weights_file
from grok.records.files import write_atomically
from grok.training.module import ReplicaModule
from grok.training.optimizer_state import parameter_order, to_named


class WeightsCallback(Callback):
    """Writes the weights of each replica to its folder at the kept steps of the module; with `last`, also at its end.

    They are written before the checkpoint of the same step. A run that is killed and resumed therefore has all files.
    """

    def __init__(self, folders: Sequence[Path], *, last: bool, optimizer: bool) -> None:
        self.folders, self.last, self.with_optimizer = folders, last, optimizer

    def on_train_start(self, trainer: Trainer, pl_module: ReplicaModule) -> None:  # type: ignore[override]
        if not pl_module.history.steps and pl_module.step in pl_module.kept_steps:
            self._write(pl_module, range(len(self.folders)))

    def on_train_batch_end(self, trainer: Trainer, pl_module: ReplicaModule, *args: object) -> None:  # type: ignore[override]
        if pl_module.step in pl_module.kept_steps:
            self._write(pl_module, range(len(self.folders)))
        elif self.last and trainer.should_stop:
            self._write(pl_module, pl_module.finished().nonzero().flatten().tolist())

    def _write(self, module: ReplicaModule, replicas: Iterable[int]) -> None:
        """Write the files of these replicas.

        Raises:
            UserError: a folder is full or cannot be written.
        """
        files = {weights_file(module.step): module.model.state_dict()}
        if self.with_optimizer:
            assert module.optimizer is not None, "training has started"
            order = parameter_order(module.optimizer, dict(module.model.named_parameters()))
            files[optimizer_file(module.step)] = to_named(module.optimizer.state_dict()["state"], order)
        for replica in replicas:
            for name, tensors in files.items():
                content = safetensors.torch.save(_of_replica(tensors, replica), {"step": str(module.step)})
                write_atomically(self.folders[replica] / name, partial(_write_in_folder, content=content))


def _write_in_folder(path: Path, *, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def _of_replica(tensors: Mapping[str, Tensor], replica: int) -> dict[str, Any]:
    """Contiguous copies of one replica's tensors on the CPU, without the replica axis."""
    return {
        name: (each[replica] if each.dim() else each).to("cpu", copy=True).contiguous()
        for name, each in tensors.items()
    }
