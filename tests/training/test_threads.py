"""Threads spin at barriers for a bounded time, unless the user has chosen how they wait."""

import os

import pytest

from grok.training.threads import SETTINGS, limit_spinning, waiting
from tests.conftest import TINY


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """An environment without settings; what a test sets is removed after it."""
    for name in SETTINGS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_the_command_bounds_spinning(command):
    assert command(*TINY, "seed=-1")[0] == 2
    assert waiting() == "GOMP_SPINCOUNT=10000"


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "5")])
def test_the_users_own_choice_is_kept(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    limit_spinning()
    assert waiting() == f"{name}={value}" and os.environ[name] == value
