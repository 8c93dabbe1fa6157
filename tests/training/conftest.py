"""A local W&B server for the tests of training."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grok.training import wandb_mode
from tests.conftest import forget_wandb_session
from tests.wandb_api import WandbServer
from tests.wandb_server import serving

SCRIPTS = Path(sys.executable).parent


@pytest.fixture
def server(no_account, monkeypatch) -> Iterator[WandbServer]:
    """The server to which W&B's client is logged in."""
    monkeypatch.setenv("PATH", f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(wandb_mode, "_refusals", {})  # an earlier server may have had the same port
    with serving() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server
        forget_wandb_session()
    assert not server.unanswered
