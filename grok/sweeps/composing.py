"""From the overrides of a sweep's cells to cells: configurations, folders, and what each is called by."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from grok.checks import UserError
from grok.configuration import OF_THE_SWEEP, value_at
from grok.records.sweep import Keys, read_manifest
from grok.sweeps.cell import Cell
from grok.sweeps.folder import MAY_CHANGE, WITHOUT_EFFECT


def cells_of(
    job_overrides: Sequence[Sequence[str]], first: int, context: HydraContext, config: DictConfig
) -> list[Cell]:
    """The cells with these overrides, the first of which has this number, each in a folder of its own.

    Raises:
        UserError: two cells would share a folder, or the sweep's folder holds a sweep over other keys.
    """
    compose = _Composer(context, config)
    composed = [_composed(overrides, first + at, compose, config) for at, overrides in enumerate(job_overrides)]
    return [*_placed(composed, Path(config.hydra.sweep.dir).absolute())]


def command(overrides: Sequence[str], *more: str) -> str:
    """The command, for records: without the folder that it was given, which is another one elsewhere."""
    kept = [each for each in overrides if not each.startswith(("hydra.sweep.dir=", "hydra.run.dir="))]
    return shlex.join(["python", "train.py", *kept, *more])


class _Composer:
    """Composes cells as Hydra composes jobs; of cells that differ only in the values of their keys, the first."""

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        self.loader, self.config = context.config_loader, config
        self.parser = OverridesParser.create(config_loader=self.loader)
        self.parsed: dict[str, tuple[Override, bool]] = {}
        self.composed: dict[tuple[str, ...], DictConfig] = {}
        self.must_compose = "job.override_dirname" in OmegaConf.to_yaml(config)  # which Hydra makes when it composes

    def __call__(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration with these overrides, until the next call."""
        parsed = {text: self._parsed(text) for text in overrides}
        kind = tuple(override.key_or_group if only_sets else text for text, (override, only_sets) in parsed.items())
        if kind not in self.composed:
            self.composed[kind] = self.loader.load_sweep_config(self.config, list(overrides))
        for override, only_sets in parsed.values():
            if only_sets:
                OmegaConf.update(self.composed[kind], override.key_or_group, override.value())
        return self.composed[kind]

    def _parsed(self, text: str) -> tuple[Override, bool]:
        """An override, and whether it only gives a number or a word to a key, and chooses no file."""
        if text not in self.parsed:
            override = self.parser.parse_override(text)
            bare = override.type is OverrideType.CHANGE and override.package is None and not self.must_compose
            value = isinstance(override.value(), (bool, int, float, str))
            only_sets = bare and value and not self.loader.get_group_options(override.key_or_group)
            self.parsed[text] = override, only_sets
        return self.parsed[text]


def _composed(overrides: Sequence[str], number: int, compose: _Composer, config: DictConfig) -> Cell:
    """The cell with these overrides."""
    composed = compose(overrides)
    with read_write(composed.hydra), open_dict(composed):
        composed.hydra.job.num, composed.hydra.job.id = number, f"{composed.hydra.job.name}_{number}"
    HydraConfig.instance().set_config(composed)
    resolved = {str(key): _resolved(value) for key, value in composed.items() if key not in OF_THE_SWEEP}
    return Cell(
        config=resolved,
        folder=Path(composed.hydra.sweep.dir, composed.hydra.sweep.subdir).absolute(),
        command=command(overrides, *(["hydra.mode=RUN"] if "study" in composed else [])),
        again=f"hydra.sweep.dir='{config.hydra.sweep.dir}'",
        keys=_keys(overrides, resolved),
        overrides=tuple(overrides),
    )


def _resolved(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _keys(overrides: Sequence[str], config: dict[str, Any]) -> dict[str, Any]:
    """The overridden keys with their values; for a choice among files, the file's name."""
    keys = {}
    for override in overrides:
        name, _, text = override.partition("=")
        name = name.lstrip("+~")
        value = value_at(config, name)
        keys[name] = text if isinstance(value, dict) or (value is None and text != "null") else value
    without_effect = (*OF_THE_SWEEP, *WITHOUT_EFFECT)
    return {name: value for name, value in keys.items() if name.split(".")[0] not in without_effect}


def _placed(cells: Sequence[Cell], sweep: Path) -> Iterator[Cell]:
    """The cells where cells of the same keys lie already; else where Hydra puts them; where another cell lies there,
    under the next free number. So a sweep can be extended in its folder."""
    known = read_manifest(sweep)
    for keys in (each for each in known.values() if _lasting(each).keys() != _lasting(cells[0].keys).keys()):
        raise UserError(
            f"hydra.sweep.dir={sweep}: holds a sweep over {', '.join(_lasting(keys))}, and this one gives "
            f"{', '.join(_lasting(cells[0].keys))}; choose another folder"
        )
    places = {_identity(keys): name for name, keys in known.items()}
    numbers = [int(name) for name in known if name.isdigit()]
    free = count(max([*numbers, len(cells) - 1]) + 1)
    taken: set[str] = set()
    for cell in cells:
        name = os.path.relpath(cell.folder, sweep)
        if name not in known or _identity(known[name]) != _identity(cell.keys):
            name = places.get(_identity(cell.keys), name)
        if name in known and _identity(known[name]) != _identity(cell.keys):
            name = str(next(free))
        if name in taken:
            raise UserError(f"hydra.sweep.subdir: two cells would share the folder {name}; a number keeps them apart")
        taken.add(name)
        yield replace(cell, folder=sweep / name)


def _lasting(keys: Keys) -> dict[str, Any]:
    """The keys that make a cell this one and no other: a cell that is prolonged stays the same."""
    return {key: value for key, value in keys.items() if key.split(".")[0] not in MAY_CHANGE}


def _identity(keys: Keys) -> str:
    return json.dumps(_lasting(keys), sort_keys=True)
