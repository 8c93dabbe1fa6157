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
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from grok.checks import UserError
from grok.configuration import OF_THE_SWEEP, of_the_cell, value_at
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
    composed = [_composed(overrides, first + at, context, config) for at, overrides in enumerate(job_overrides)]
    return [*_placed(composed, Path(config.hydra.sweep.dir).absolute())]


def command(overrides: Sequence[str], *more: str) -> str:
    """The command, for records: without the folder that it was given, which is another one elsewhere."""
    kept = [each for each in overrides if not each.startswith(("hydra.sweep.dir=", "hydra.run.dir="))]
    return shlex.join(["python", "train.py", *kept, *more])


def _composed(overrides: Sequence[str], number: int, context: HydraContext, config: DictConfig) -> Cell:
    """The cell with these overrides, composed as Hydra composes a job."""
    composed = context.config_loader.load_sweep_config(config, list(overrides))
    with open_dict(composed):
        composed.hydra.job.num, composed.hydra.job.id = number, f"{composed.hydra.job.name}_{number}"
    HydraConfig.instance().set_config(composed)
    folder = Path(composed.hydra.sweep.dir, composed.hydra.sweep.subdir)
    with open_dict(composed):
        del composed["hydra"]
    whole: Any = OmegaConf.to_container(composed, resolve=True)
    resolved = of_the_cell(whole)
    return Cell(
        config=resolved,
        folder=folder.absolute(),
        command=command(overrides, *(["hydra.mode=RUN"] if "study" in composed else [])),
        again=f"hydra.sweep.dir='{config.hydra.sweep.dir}'",
        keys=_keys(overrides, resolved),
        overrides=tuple(overrides),
    )


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
