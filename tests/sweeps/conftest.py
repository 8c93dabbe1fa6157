"""Sweeps that several tests share."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TINY, trained_in
from tests.sweeps import sweep as sweeps


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep `SWEEP`, made once."""
    import train
    from grok.command_line import run

    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["train.py", *sweeps.SWEEP])
        assert run(train.main, config_folder=train.CONF) == 0
    return folder / "sweep"


@pytest.fixture
def sweep(made: Path, tmp_path: Path) -> Path:
    """A copy of that sweep in the test's own folder."""
    return shutil.copytree(made, tmp_path / "sweep")


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep `LONG`, trained in one session."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    sweeps.finish(sweeps.start(*sweeps.LONG, folder=folder))
    return folder


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train a run of `TINY` with more overrides alone, unless that was done before; returns its folder."""
    folder = tmp_path_factory.mktemp("alone")
    return lambda *overrides: trained_in(folder / ",".join(overrides), *TINY, *overrides)
