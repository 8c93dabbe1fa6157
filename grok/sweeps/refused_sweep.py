"""The folder of a sweep before its first run: a new one for each sweep, and none for a sweep that is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hydra.errors import HydraException
from omegaconf import DictConfig, read_write
from omegaconf.errors import OmegaConfBaseException

from grok.checks import FailedRunsError, UserError
from grok.sweeps.run_dir import LOCK, lock_dir, numbered

MULTIRUN = "multirun.yaml"  # Hydra writes it before the launcher sees the runs


def make_new_sweep_dir(config: DictConfig) -> list[Path]:
    """Make the default folder of a sweep, or `<folder>_2`, … if another sweep has it, and set it in Hydra's
    configuration; returns the paths that a refused sweep would leave."""
    for sweep in numbered(Path(config.hydra.sweep.dir)):
        paths = missing_paths(sweep)
        with suppress(FileExistsError):
            sweep.mkdir(parents=True)
            break
    with read_write(config.hydra):
        config.hydra.sweep.dir = str(sweep)
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{sweep}'")  # from which Hydra composes each run
    return paths


def missing_paths(sweep: Path) -> list[Path]:
    """The paths that a refused sweep would leave and that do not exist yet: two files, the folder, and those above."""
    return [path for path in (sweep / MULTIRUN, sweep / LOCK, sweep, *sweep.parents) if not path.exists()]


@contextmanager
def removed_if_refused(sweep: Path, new_paths: Sequence[Path]) -> Iterator[None]:
    """Remove these paths if the sweep is refused before it has runs, unless another process uses the folder."""
    try:
        yield
    except (UserError, HydraException, OmegaConfBaseException, SystemExit, FailedRunsError):  # a dry run ends, too
        from grok.records.sweep import MANIFEST  # imports xarray, for which a single run's command line need not wait

        with suppress(UserError), lock_dir(sweep, key="hydra.sweep.dir"):
            for path in new_paths if not (sweep / MANIFEST).exists() else ():
                with suppress(OSError):  # a folder with other files
                    path.rmdir() if path.is_dir() else path.unlink()
        raise
