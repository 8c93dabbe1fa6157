"""A sweep that is refused before its first run leaves no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from grok.checks import UserError
from grok.sweeps.run_dir import LOCK, lock_dir

MULTIRUN = "multirun.yaml"  # Hydra writes it before the launcher sees the runs


def missing_paths(sweep: Path) -> list[Path]:
    """The paths that a refused sweep would leave and that do not exist yet: two files, the folder, and those above."""
    return [path for path in (sweep / MULTIRUN, sweep / LOCK, sweep, *sweep.parents) if not path.exists()]


@contextmanager
def removed_if_refused(sweep: Path, new_paths: Sequence[Path]) -> Iterator[None]:
    """Remove these paths if the sweep is refused before it has runs, unless another process uses the folder."""
    try:
        yield
    except (UserError, HydraException, OmegaConfBaseException):
        from grok.records.sweep import MANIFEST  # imports xarray, for which a single run's command line need not wait

        with suppress(UserError), lock_dir(sweep, key="hydra.sweep.dir"):
            for path in new_paths if not (sweep / MANIFEST).exists() else ():
                with suppress(OSError):  # a folder with other files
                    path.rmdir() if path.is_dir() else path.unlink()
        raise
