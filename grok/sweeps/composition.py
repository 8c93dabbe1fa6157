"""From the overrides of a sweep to its runs: configurations, folders and swept keys."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from grok.checks import UserError
from grok.configuration import COMMAND_KEYS, SWEEP_GROUPS, as_typed, run_config, value_at
from grok.records.sweep import Keys, read_manifest
from grok.sweeps.run import Run
from grok.sweeps.run_dir import CHANGEABLE_KEYS, KEYS_WITHOUT_EFFECT
from grok.training.settings import refuse_unknown_keys


def compose_runs(
    job_overrides: Sequence[Sequence[str]], first: int, context: HydraContext, config: DictConfig
) -> list[Run]:
    """The runs with these overrides, numbered from `first`, each with its own folder.

    Raises:
        UserError: two runs would share a folder, or the sweep's folder holds a sweep over other keys.
    """
    compose = _Composer(context, config)
    runs = [_compose_run(overrides, first + number, compose, config) for number, overrides in enumerate(job_overrides)]
    return [*_assign_folders(runs, Path(config.hydra.sweep.dir).absolute())]


def shell_command(overrides: Sequence[str], *more: str) -> str:
    """The command for records, without its output folder."""
    kept = [as_typed(each) for each in overrides if not each.startswith(("hydra.sweep.dir=", "hydra.run.dir="))]
    return shlex.join(["python", "train.py", *kept, *more])


def resolved_run(composed: DictConfig) -> dict[str, Any]:
    """The part of a composed configuration that defines a run, with all interpolations resolved."""
    return {key: _resolve(value) for key, value in run_config(composed).items()}


class _Composer:
    """Composes runs as Hydra composes jobs: one configuration per set of overridden keys, whose values it then sets."""

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        self.loader, self.config = context.config_loader, config
        self.parser = OverridesParser.create(config_loader=self.loader)
        self.parsed: dict[str, tuple[Override, bool]] = {}
        self.is_group = cache(lambda key: bool(self.loader.get_group_options(key)))
        self.composed: dict[tuple[str, ...], DictConfig] = {}
        self.must_compose = "job.override_dirname" in OmegaConf.to_yaml(config)  # Hydra sets it when it composes

    def __call__(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration with these overrides, valid until the next call."""
        parsed = {text: self._parse(text) for text in overrides}
        kind = tuple(override.key_or_group if only_sets else text for text, (override, only_sets) in parsed.items())
        if kind not in self.composed:
            self.composed[kind] = self.loader.load_sweep_config(self.config, list(overrides))
        for override, only_sets in parsed.values():
            if only_sets:
                OmegaConf.update(self.composed[kind], override.key_or_group, override.value())
        return self.composed[kind]

    def _parse(self, text: str) -> tuple[Override, bool]:
        """An override, and whether it only sets a key to a number or word, without choosing a file."""
        if text not in self.parsed:
            override = self.parser.parse_override(text)
            is_change = override.type is OverrideType.CHANGE and override.package is None and not self.must_compose
            is_plain = isinstance(override.value(), (bool, int, float, str))
            only_sets = is_change and is_plain and not self.is_group(override.key_or_group)
            self.parsed[text] = override, only_sets
        return self.parsed[text]


def _compose_run(overrides: Sequence[str], number: int, compose: _Composer, config: DictConfig) -> Run:
    """The run with these overrides, in the folder that Hydra chooses."""
    composed = compose(overrides)
    with read_write(composed.hydra), open_dict(composed):
        composed.hydra.job.num, composed.hydra.job.id = number, f"{composed.hydra.job.name}_{number}"
    HydraConfig.instance().set_config(composed)
    resolved = resolved_run(composed)
    refuse_unknown_keys(resolved)
    return Run(
        config=resolved,
        folder=Path(composed.hydra.sweep.dir, composed.hydra.sweep.subdir).absolute(),
        command=shell_command(overrides, *(["hydra.mode=RUN"] if "study" in composed else [])),
        resume_with=f"hydra.sweep.dir='{config.hydra.sweep.dir}'",
        keys=_swept_keys(overrides, resolved),
        overrides=tuple(overrides),
    )


def _resolve(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _swept_keys(overrides: Sequence[str], config: dict[str, Any]) -> dict[str, Any]:
    """The overridden keys with their values; for a choice among files, the file's name."""
    keys = {}
    for override in overrides:
        name, _, text = override.partition("=")
        name = name.lstrip("+~").partition("@")[2] or name.lstrip("+~")
        value = value_at(config, name)
        keys[name] = text if isinstance(value, dict) or (value is None and text != "null") else value
    without_effect = (*SWEEP_GROUPS, *COMMAND_KEYS, *KEYS_WITHOUT_EFFECT)
    return {name: value for name, value in keys.items() if name.split(".")[0] not in without_effect}


def _assign_folders(runs: Sequence[Run], sweep: Path) -> Iterator[Run]:
    """The runs with their folders, so that a sweep can be extended in its folder.

    A run that the sweep already has keeps its folder. A new run takes the folder that Hydra chooses, or the next free
    number if another run has that folder.
    """
    known = read_manifest(sweep)
    new = _identifying_keys(runs[0].keys)
    for keys in (each for each in known.values() if _identifying_keys(each).keys() != new.keys()):
        raise UserError(
            f"hydra.sweep.dir={sweep}: holds a sweep over {', '.join(_identifying_keys(keys))}, but this sweep is over "
            f"{', '.join(new)}; choose another folder"
        )
    folders = {_run_identity(keys): name for name, keys in known.items()}
    numbers = [int(name) for name in known if name.isdigit()]
    free = count(max([*numbers, len(runs) - 1]) + 1)
    used: set[str] = set()
    for run in runs:
        name = chosen = os.path.relpath(run.folder, sweep)
        if name not in known or _run_identity(known[name]) != _run_identity(run.keys):
            name = folders.get(_run_identity(run.keys), name)
        is_others = name in known and _run_identity(known[name]) != _run_identity(run.keys)
        if is_others or (name in used and name != chosen):  # an optimizing sweeper may try the same values twice
            name = str(next(free))
        if name in used:
            raise UserError(f"hydra.sweep.subdir: two runs would share the folder {name}; include the job number")
        used.add(name)
        yield replace(run, folder=sweep / name)


def _identifying_keys(keys: Keys) -> dict[str, Any]:
    """The keys that identify a run; an extended run stays the same run."""
    return {key: value for key, value in keys.items() if key.split(".")[0] not in CHANGEABLE_KEYS}


def _run_identity(keys: Keys) -> str:
    return json.dumps(_identifying_keys(keys), sort_keys=True)
