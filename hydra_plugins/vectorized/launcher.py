"""Hydra finds launchers in this folder. The code of the launcher is `grok.sweeps.launch`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from grok.sweeps.refused_sweep import make_new_sweep_dir, missing_paths, removed_if_refused


class Vectorized(Launcher):
    """Trains the runs of a sweep in batches, in this process or through another launcher."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.ended: list[Any] = []  # the outcomes of all calls, of which an optimizing sweeper makes several

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config
        is_given = any(each.startswith("hydra.sweep.dir=") for each in config.hydra.overrides.hydra)
        self.new_paths = missing_paths(Path(config.hydra.sweep.dir)) if is_given else make_new_sweep_dir(config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from grok.sweeps.launch import launch  # imports torch and Lightning, which a single run's command line avoids

        with removed_if_refused(Path(self.config.hydra.sweep.dir), self.new_paths):
            arguments = (job_overrides, initial_job_idx, self.hydra_context, self.config)
            return launch(*arguments, ended=self.ended, **self.settings)


class Grid(BasicSweeper):
    """Hydra's own sweeper without its check that every run can be composed, which the launcher makes too."""

    def validate_batch_is_legal(self, batch: list[list[str]]) -> None:
        """Do nothing: the launcher composes all runs before the first one trains, and composing takes 0.1 s a run."""


class OwnFiles(SearchPathPlugin):
    """Lets conf/hydra/launcher/ have files with the plugins' own names.

    Hydra would validate them against the plugins' schemas, which have neither `job` nor `max_replicas`. It asks for
    search paths when all plugins are loaded and nothing is composed yet, so the schemas are removed then.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for name in ("joblib", "submitit_slurm", "ray"):
            ConfigStore.instance().repo["hydra"]["launcher"].pop(f"{name}.yaml", None)
