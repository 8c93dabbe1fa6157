"""A local W&B server for the tests of training."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import forget_wandb_session
from tests.wandb_api import WandbServer
from tests.wandb_server import serving

SCRIPTS = Path(sys.executable).parent


@pytest.fixture
def server(no_account, monkeypatch) -> Iterator[WandbServer]:
    """The server to which W&B's client is logged in."""
    monkeypatch.setenv("PATH", f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
    with serving() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server
        forget_wandb_session()
    assert not server.unanswered
