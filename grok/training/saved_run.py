"""A run that is read from its folder: its configuration, its last checkpoint, its kept weights, and its network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grok.checks import UserError
from grok.models.network import Network, load_network
from grok.models.weight_files import parse_tensors, read_content
from grok.records.file_names import CHECKPOINT, CONFIG, weights_file
from grok.records.run_config import read_config
from grok.tasks.task import Task
from grok.training.build import DTYPES, make_model
from grok.training.checkpoint import Checkpoint, parse_checkpoint
from grok.training.instantiation import check_base, instantiate_cached
from grok.training.settings import Settings

PREFIX = "model."  # of the weights in a checkpoint
MAX_LISTED = 8  # kept steps in a message


def load_model(run_folder: str | Path, step: int | None = None) -> Network:
    """The network of a run as a plain module on the CPU: at a kept step, or, without a step, in the last checkpoint.

    model = grok.load_model("runs/modular_addition/<time>")
    logits = model(torch.tensor([[3, 4, 113], [5, 6, 113]]))  # [2, 3, 114]

    Raises:
        UserError: there is no run in the folder, no such step, or a file cannot be read.
    """
    run = SavedRun.open(run_folder)
    task = check_base(instantiate_cached(run.config["task"], "task"), Task, "task")
    model = make_model([run.config], task, [torch.Generator()])
    load_network(model, run.weights(run.last_step if step is None else step), source=run.folder)
    return Network(model.to(DTYPES[Settings.from_config(run.config).precision]))


@dataclass(frozen=True)
class SavedRun:
    """The folder of a run, with its configuration."""

    folder: Path
    config: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> SavedRun:
        """The run in the folder.

        Raises:
            UserError: there is none, or its configuration cannot be read.
        """
        file = Path(folder) / CONFIG
        if not file.is_file():
            raise UserError(f"{file}: no such file; give the folder of a run, such as runs/modular_addition/<time>")
        config = read_config(file)
        try:
            Settings.from_config(config)
        except UserError as error:
            raise UserError(f"{file}: not the configuration of a run of this version ({error})") from error
        return cls(Path(folder), config)

    @cached_property
    def _checkpoint_and_checksum(self) -> tuple[Checkpoint, str]:
        """The last checkpoint, and the checksum of its file, which a run in progress replaces."""
        file = self.folder / CHECKPOINT
        if not file.is_file():
            raise UserError(f"{file}: no such file; the run has not saved a checkpoint yet")
        content = read_content(file)
        return parse_checkpoint(content, file), _checksum(content)

    @property
    def checkpoint(self) -> Checkpoint:
        """The last checkpoint when it was first read.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        return self._checkpoint_and_checksum[0]

    @property
    def last_step(self) -> int:
        """The step of the last checkpoint."""
        step: int = self.checkpoint["grok"]["step"]
        return step

    @property
    def kept_steps(self) -> list[int]:
        """The steps whose weights were kept, in order."""
        files = self.folder.glob(weights_file(0).replace("0" * 9, "?" * 9))
        return sorted(int(file.stem.removeprefix("step_")) for file in files)

    def file(self, step: int) -> Path:
        """The file with the weights of a step: a kept one, else the last checkpoint.

        Raises:
            UserError: there is none of this step.
        """
        file = self.folder / weights_file(step)
        if file.is_file():
            return file
        if step == self.last_step:
            return self.folder / CHECKPOINT
        steps = sorted({*self.kept_steps, self.last_step})
        shown = [*map(str, steps[:MAX_LISTED]), *(["…", str(steps[-1])] if len(steps) > MAX_LISTED else [])]
        raise UserError(f"step={step}: {self.folder} has the weights of step {', '.join(shown)}")

    def weights(self, step: int) -> dict[str, Tensor]:
        """The weights at a kept step or in the last checkpoint, without the replica axis.

        Raises:
            UserError: there are none of this step, or the file cannot be read.
        """
        return self.read_weights(self.file(step))[0]

    def read_weights(self, file: Path) -> tuple[dict[str, Tensor], str]:
        """The weights in a file of `file`, without the replica axis, and SHA-256 of the file.

        Raises:
            UserError: the file cannot be read.
        """
        if file.name != CHECKPOINT:
            content = read_content(file)
            return parse_tensors(content, file), _checksum(content)
        checkpoint, checksum = self._checkpoint_and_checksum
        return {name.removeprefix(PREFIX): each[0] for name, each in checkpoint["state_dict"].items()}, checksum


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
