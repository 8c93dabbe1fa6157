"""Tiny sweeps by `python train.py -m` in a process of their own, and what their cells must be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import xarray as xr

import grok
from tests.conftest import ROOT, TINY
from tests.process import LIMIT, Command

GROUPS = ("model.width=16,24", "seed=0,1", "steps=100")  # two groups of two cells that can train side by side
LONG = ("seed=0,1", "steps=2000", "looks.per_decade=4", "save_every_seconds=0")  # one group, to be interrupted


def start(
    *overrides: str, folder: Path | str, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> Command:
    """The sweep of `TINY` with more overrides."""
    return Command("-m", *TINY, *overrides, f"hydra.sweep.dir={folder}", environment=environment, cwd=cwd)


def finish(sweep: Command) -> None:
    """Wait until the sweep has ended as it should."""
    code, said = sweep.ended()
    assert code == 0, said


def wait_for_checkpoints(sweep: Command, *cells: Path) -> None:
    """Until training has begun in each of the cells' folders."""
    deadline = time.monotonic() + LIMIT
    while not all((cell / "last.ckpt").exists() for cell in cells):
        assert sweep.is_running(), sweep.ended()
        assert time.monotonic() < deadline, "no checkpoint"
        time.sleep(0.02)


def assert_complete(folder: Path, *overrides: str, alone: Callable[..., Path]) -> None:
    """The folder has all cells of the sweep, each with the numbers that it has alone, and what a sweep leaves."""
    cells = list(product(*(_values(override) for override in overrides)))
    names = {path.name for path in folder.iterdir()}
    assert {name for name in names if name.isdecimal()} == {str(number) for number in range(len(cells))}
    assert {"sweep.nc", "summary.csv", "report.html"} <= names
    for number, cell in enumerate(cells):
        assert (folder / str(number) / "summary.json").exists()
        expected = grok.load(alone(*cell)).drop_attrs()
        xr.testing.assert_allclose(grok.load(folder / str(number)).drop_attrs(), expected, rtol=1e-4)


def assert_went_on(cell: Path, uninterrupted: Path) -> None:
    """The cell was trained in more than one sitting, and to the bit as if in one."""
    record = grok.load(cell)
    first, *later = (sitting["from_step"] for sitting in json.loads(record.attrs["sittings"]))
    assert first == 0 < max(later) < int(record["step"][-1])
    assert record.drop_attrs().identical(grok.load(uninterrupted).drop_attrs())


def _values(override: str) -> list[str]:
    key, _, values = override.partition("=")
    return [f"{key}={value}" for value in values.split(",")]
