"""Tiny sweeps by `python train.py -m`, and what their runs must be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import numpy as np
import torch
import xarray as xr

import grok
from tests.conftest import ROOT, TINY, checkpoint
from tests.process import LIMIT, TrainProcess

GRID = ("init_scale=0.5,4", "optimizer.weight_decay=0,1", "seed=0,1")
SWEEP = ("-m", *TINY, "steps=100", *GRID, "hydra.sweep.dir=sweep")
BATCHES = ("model.width=16,24", "seed=0,1", "steps=100")  # two batches of two runs
LONG = ("seed=0,1", "steps=2000", "evaluate.per_decade=4", "save_every_seconds=0")  # one batch, to be interrupted
EASY = [f"task.thresholds.{part}=0.5" for part in ("memorization", "generalization")]
GROKS = ("steps=300", "stop_when_grokked=true", "task.tolerance=0.1", "evaluate.per_decade=5", *EASY)


def start(
    *overrides: str, folder: Path | str, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> TrainProcess:
    """The sweep of `TINY` with more overrides, in its own process."""
    return TrainProcess("-m", *TINY, *overrides, f"hydra.sweep.dir={folder}", environment=environment, cwd=cwd)


def finish(sweep: TrainProcess) -> None:
    """Wait until the sweep has ended successfully."""
    code, output = sweep.wait()
    assert code == 0, output


def wait_for_checkpoints(sweep: TrainProcess, *folders: Path) -> None:
    """Wait until each of the folders has a checkpoint."""
    deadline = time.monotonic() + LIMIT
    while not all((folder / "last.ckpt").exists() for folder in folders):
        assert sweep.is_running(), sweep.wait()
        assert time.monotonic() < deadline, "no checkpoint"
        time.sleep(0.02)


def run_folders(sweep: Path) -> list[Path]:
    """The folders of a sweep's runs."""
    return sorted(path.parent for path in sweep.glob("*/config.yaml"))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights in a run's last checkpoint."""
    return checkpoint(folder)["state_dict"]


def assert_same_numbers(one: Path, other: Path, **tolerance: float) -> None:
    """Two runs have the same weights and records, to a tolerance; without one, bit for bit."""
    first, second = (torch.cat([each.flatten() for each in weights(path).values()]) for path in (one, other))
    torch.testing.assert_close(first, second, **tolerance or dict(rtol=0, atol=0))
    records = [grok.load(path).drop_attrs() for path in (one, other)]
    assert records[0]["step"].equals(records[1]["step"])
    for name in ("train_loss", "test_loss", "weight_norm"):
        np.testing.assert_allclose(*[each[name] for each in records], **tolerance or dict(rtol=0, atol=0))


def assert_same_final_weights(one: Path, other: Path) -> None:
    """Two runs have the same weights to float32's tolerance."""
    for name, weight in weights(one).items():
        torch.testing.assert_close(weight, weights(other)[name], rtol=1e-3, atol=1e-4)


def assert_complete(folder: Path, *overrides: str, alone: Callable[..., Path]) -> None:
    """The folder has all runs of the sweep, each with the numbers of the run alone, and the sweep's outputs."""
    runs = list(product(*(_values(override) for override in overrides)))
    names = {path.name for path in folder.iterdir()}
    assert {name for name in names if name.isdecimal()} == {str(number) for number in range(len(runs))}
    assert {"sweep.nc", "summary.csv", "report.html"} <= names
    for number, keys in enumerate(runs):
        assert (folder / str(number) / "summary.json").exists()
        expected = grok.load(alone(*keys)).drop_attrs()
        xr.testing.assert_allclose(grok.load(folder / str(number)).drop_attrs(), expected, rtol=1e-4)


def assert_resumed(folder: Path, uninterrupted: Path) -> None:
    """The run was trained in more than one session, and is bit-equal to the run in one session."""
    record = grok.load(folder)
    first, *later = (session["from_step"] for session in json.loads(record.attrs["sessions"]))
    assert first == 0 < max(later) < int(record["step"][-1])
    assert record.drop_attrs().identical(grok.load(uninterrupted).drop_attrs())


def _values(override: str) -> list[str]:
    key, _, values = override.partition("=")
    return [f"{key}={value}" for value in values.split(",")]
