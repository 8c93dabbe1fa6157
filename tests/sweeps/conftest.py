"""What the tests of clusters share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TINY, trained_in
from tests.sweeps import sweep


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep `sweep.LONG` as one process makes it that is left alone."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    sweep.finish(sweep.start(*sweep.LONG, folder=folder))
    return folder


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train a cell of `TINY` with more overrides alone, if that was not done before; gives its folder."""
    folder = tmp_path_factory.mktemp("alone")
    return lambda *overrides: trained_in(folder / ",".join(overrides), *TINY, *overrides)
