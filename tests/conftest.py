"""What the tests share: composed configurations, and runs of them in this process."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = (
    "1"  # before torch is imported, here and in child processes: tiny networks gain nothing from more
)

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

ROOT = Path(__file__).parent.parent
TINY = (
    "task=teacher_student",
    "task.n_train=20",
    "task.n_test=20",
    "model.width=16",
    "batch_size=8",
    "looks.every=null",
    "logger=none",
)


def composed(*overrides: str) -> dict[str, Any]:
    """The resolved configuration of `python train.py <overrides>`."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", overrides=[*overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        return OmegaConf.to_container(config, resolve=True)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Train a tiny teacher–student network with more overrides, in a folder under the test's own; gives the folder."""
    from grok.sweeps.cell import train
    from grok.sweeps.folder import claimed

    def trained(*overrides: str, folder: str = "run") -> Path:
        config, where = composed(*TINY, *overrides), tmp_path / folder
        with claimed(where, config) as unfinished:
            if unfinished:
                train(config, where, command="a test", again="the same folder")
        return where

    return trained
