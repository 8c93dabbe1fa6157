"""What the tests of clusters share."""

import os
from pathlib import Path

import pytest

from tests.sweeps import sweep


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep `sweep.LONG` as one process makes it that is left alone."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    sweep.finish(sweep.start(*sweep.LONG, folder=folder, environment=os.environ))
    return folder
