"""Shared by the tests: composed configurations, and runs of them in this process."""

from __future__ import annotations

import os

# Before torch is imported, here and in child processes: tiny networks gain nothing from more threads.
os.environ["OMP_NUM_THREADS"] = "1"

import sys
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from matplotlib.image import imread
from omegaconf import OmegaConf, open_dict

from grok.configuration import COMMAND_KEYS
from grok.records.file_names import CHECKPOINT

ROOT = Path(__file__).parent.parent
TINY = (
    "task=teacher_student",
    "task.n_train=20",
    "task.n_test=20",
    "model.width=16",
    "batch_size=8",
    "evaluate.every=null",
    "logger=none",
)
ADDITION = (
    "task=modular_addition",
    "task.p=23",
    "model.width=32",
    "model.heads=2",
    "model.d_mlp=64",
    "steps=60",
    "evaluate={per_decade:4,every:null}",
    "logger=none",
)


LONGEST = ("test_compiled", "test_ray", "test_slurm", "test_verdicts", "test_online", "test_sweep_resume")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that all workers end at about the same time."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def pytest_collection_finish() -> None:
    """Start the process from which `tests.process` forks, which imports everything while the first tests run."""
    if "tests.process" in sys.modules:
        forkserver.ensure_running()


def composed(*overrides: str) -> dict[str, Any]:
    """The resolved configuration of `python train.py <overrides>`."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", overrides=[*overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            for key in ("hydra", *COMMAND_KEYS):
                del config[key]
        return OmegaConf.to_container(config, resolve=True)


def slow(*cases: Any) -> list[Any]:
    """The cases of a parametrized test, marked as slow; a tuple is one case with several arguments."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in cases]


def checkpoint(folder: Path) -> dict[str, Any]:
    """The last checkpoint in a run's folder."""
    import torch

    return torch.load(folder / CHECKPOINT, weights_only=True)


def kept_files(folder: Path) -> dict[str, bytes]:
    """The files of the kept weights in a run's folder, by their names."""
    return {path.name: path.read_bytes() for path in folder.glob("weights/*")}


def trained_in(folder: Path, *overrides: str) -> Path:
    """The folder, with the run of `python train.py <overrides>` trained in it."""
    from grok.sweeps.run import Run
    from grok.sweeps.run_dir import acquire_run_dir
    from grok.sweeps.train import train_run

    config = composed(*overrides)
    with acquire_run_dir(folder, config) as needs_training:
        if needs_training:
            train_run(Run(config=config, folder=folder, command="a test", resume_with="the same folder"))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Train a tiny teacher–student network with more overrides in a subfolder of the test's; returns the folder."""

    def trained(*overrides: str, folder: str = "run") -> Path:
        return trained_in(tmp_path / folder, *TINY, *overrides)

    return trained


@pytest.fixture
def add(tmp_path: Path) -> Callable[..., Path]:
    """Train a small transformer on addition modulo 23 with more overrides; returns its folder."""

    def trained(*overrides: str, folder: str = "run") -> Path:
        return trained_in(tmp_path / folder, *ADDITION, *overrides)

    return trained


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """`python train.py` in this process and the test's folder; returns exit code and standard error.

    Standard output is in `command.output`.
    """
    import train
    from grok.command_line import run

    def called(*arguments: str) -> tuple[Any, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        try:
            code = run(train.main, config_folder=train.CONF)
        except SystemExit as error:
            code = error.code
        called.output, error_output = capsys.readouterr()  # type: ignore[attr-defined]
        return code, error_output

    return called


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of a machine without a W&B login."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    forget_wandb_session()


def forget_wandb_session() -> None:
    """Make W&B's client read its environment and its login again, which it does once in a session."""
    import wandb
    from wandb.sdk.lib import wbauth

    wandb.teardown()
    wbauth.unauthenticate_session(update_settings=False)


def assert_drawn(file: Path, *, min_pixels: int = 500, min_share: float = 0.005) -> None:
    """The figure has more than `min_pixels` in each direction, and more than `min_share` of them are not white."""
    pixels = imread(file)[..., :3]
    assert min(pixels.shape[:2]) > min_pixels and (pixels < 0.9).any(-1).mean() > min_share, f"{file.name} is blank"
