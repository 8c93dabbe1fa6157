"""Threads spin at barriers for a bounded time, unless the user has chosen how they wait."""

import os
import subprocess
import sys

import pytest

from grok.training.threads import SETTINGS, limit_spinning, wait_setting
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """An environment without settings; what a test sets is removed after it."""
    for name in SETTINGS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_the_command_bounds_spinning_before_torch_is_imported():
    code = (
        "import sys, train; from grok.command_line import run; from grok.training.threads import wait_setting\n"
        "sys.argv[1:] = ['task=teacher_student', 'seed=-1']\n"
        "run(train.main, config_folder=train.CONF)\n"
        "print(wait_setting(), 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert found.stdout == "GOMP_SPINCOUNT=10000 False\n", found.stderr


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "5")])
def test_the_users_own_choice_is_kept(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    limit_spinning()
    assert wait_setting() == f"{name}={value}" and os.environ[name] == value
