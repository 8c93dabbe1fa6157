"""`start_from`: the weights of another run, and with `start_with=state` also its optimizer's state and its step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grok.checks import UserError
from grok.configuration import ORDERED
from grok.models.model import Model
from grok.models.network import load_network
from grok.models.weight_files import read_tensors
from grok.optimizers.optimizer import names_by_group
from grok.records.file_names import CHECKPOINT, optimizer_file
from grok.training.batching import shared_config
from grok.training.module import ReplicaModule
from grok.training.optimizer_state import SHARED, TRANSFORMS, to_named
from grok.training.saved_run import SavedRun
from grok.training.settings import Settings


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """A step of another run, from its last checkpoint or from its kept weights."""

    given: str  # the value of `start_from`
    run: SavedRun
    step: int
    file: Path  # a kept step, or the last checkpoint

    @classmethod
    def read(cls, given: str) -> StartingPoint:
        """The starting point that `start_from` names.

        Raises:
            UserError: there is no such run or step, or its checkpoint cannot be read.
        """
        match = None if Path(given).is_dir() else re.fullmatch(r"(.+)@(\d+)", given)
        try:
            run = SavedRun.open(match[1] if match else given)
            step = int(match[2]) if match else run.last_step
            file = run.file(step) if match else run.folder / CHECKPOINT
        except UserError as error:
            raise UserError(f"start_from={given}: {error}") from error
        return cls(given=given, run=run, step=step, file=file)

    @cached_property
    def _weights_and_checksum(self) -> tuple[dict[str, Tensor], str]:
        """The weights, without the replica axis, and the checksum of the file that they were read from."""
        return self.run.read_weights(self.file)

    @property
    def recorded(self) -> dict[str, str | int]:
        """What the record and the checkpoint keep; the checksum is SHA-256 of the file."""
        _, checksum = self._weights_and_checksum
        return {"start_folder": str(self.run.folder.absolute()), "start_step": self.step, "start_checksum": checksum}

    def load_into(self, model: Model, replica: int) -> None:
        """Load the weights into a replica of the model.

        Raises:
            UserError: the file cannot be read, or a name or a shape differs.
        """
        try:
            weights, _ = self._weights_and_checksum
            load_network(model, weights, source=self.run.folder, replica=replica)
        except UserError as error:
            raise UserError(f"start_from={self.given}: {error}") from error

    def optimizer_state(self, config: Mapping[str, Any], model: Model) -> dict[str, Tensor]:
        """The named state of the optimizer and of this configuration's transforms [1, …].

        Raises:
            UserError: the state was not kept, or is that of another optimizer or of a transform with other settings.
        """
        source = self.run.config["optimizer"]
        self._check_same_rule(config, source)
        if self.file.name == CHECKPOINT:
            names = [name for name, _ in model.named_parameters()]
            groups = names_by_group(names, source["param_groups"], model.param_groups)
            (saved,) = self.run.checkpoint["optimizer_states"]
            named = to_named(saved["state"], [name for group in groups.values() for name in group])
        else:
            file = self.run.folder / optimizer_file(self.step)
            if not file.is_file():
                raise UserError(f"start_with=state: {file} does not exist; keep_weights.optimizer=true writes it")
            tensors = read_tensors(file)
            named = {name: each if name.startswith(SHARED) else each[None] for name, each in tensors.items()}
        unused = tuple(f"{TRANSFORMS}{name}/" for name in source["transforms"] if not config["transforms"].get(name))
        return {path: each for path, each in named.items() if not path.removeprefix(SHARED).startswith(unused)}

    def _check_same_rule(self, config: Mapping[str, Any], source: Mapping[str, Any]) -> None:
        """Require the optimizer of the other run; its transforms may differ in per-replica keys, or be left out."""
        own, found = (shared_config({"optimizer": each}) for each in (config, source))
        for key in sorted(own.keys() & found.keys()):
            has_state = key == "optimizer._target_" or key.startswith(f"{ORDERED}.")
            if has_state and own[key] != found[key]:
                raise UserError(
                    f"start_with=state: {self.run.folder} was trained with {key}={found[key]}, not {own[key]}; "
                    "start_with=weights takes its weights alone"
                )


def load_starting_points(module: ReplicaModule, configs: Sequence[Mapping[str, Any]]) -> list[dict[str, str | int]]:
    """Load what `start_from` names into the module before it trains; returns what each replica's record keeps.

    Raises:
        UserError: a starting point cannot be read, or does not fit the model, the optimizer or `steps`.
    """
    read = cache(StartingPoint.read)
    recorded: list[dict[str, str | int]] = []
    for replica, config in enumerate(configs):
        settings = Settings.from_config(config)
        if settings.start_from is None:
            recorded.append({})
            continue
        point = read(settings.start_from)
        point.load_into(module.model, replica)
        if settings.start_with == "state" and replica == 0:  # batched replicas start with one state
            _restore_state(module, point, config["optimizer"])
        recorded.append(point.recorded)
    return recorded


def _restore_state(module: ReplicaModule, point: StartingPoint, optimizer: Mapping[str, Any]) -> None:
    """Let the module start at the step, and with the optimizer's state, of the starting point."""
    if point.step >= module.steps:
        raise UserError(f"steps={module.steps}: must be above {point.step:,}, the step of start_from={point.given}")
    named = point.optimizer_state(optimizer, module.model)
    n = len(module.replicas)
    module.initial_state = {
        path: each if path.startswith(SHARED) else torch.cat([each] * n) for path, each in named.items()
    }
    module.step = point.step
