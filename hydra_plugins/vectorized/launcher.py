"""Where Hydra looks for launchers and sweepers. The launcher itself is `grok.sweeps.launching`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class Vectorized(Launcher):
    """Trains the cells of a sweep side by side where they can be, here or through another launcher."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from grok.sweeps.launching import (
            launch,
        )  # torch and Lightning, which a single run's command line need not wait for

        return launch(job_overrides, initial_job_idx, self.hydra_context, self.config, **self.settings)


class Grid(BasicSweeper):
    """Hydra's own sweeper, which composes every cell to see whether it can be composed. The launcher does that too."""

    def validate_batch_is_legal(self, batch: list[list[str]]) -> None:
        """Nothing: all cells are composed before the first of them trains, and composing takes 0.1 s a cell."""


class OwnFiles(SearchPathPlugin):
    """Lets conf/hydra/launcher/ have files of the plugins' own names.

    Hydra would check them against the plugins' schemas, which know neither `unit` nor `max_replicas`. It asks for
    search paths when all plugins are loaded and nothing is composed yet: the moment to take the schemas out.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for name in ("joblib", "submitit_slurm", "ray"):
            ConfigStore.instance().repo["hydra"]["launcher"].pop(f"{name}.yaml", None)
