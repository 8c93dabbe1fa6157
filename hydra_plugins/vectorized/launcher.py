"""Where Hydra looks for launchers. The launcher itself is `grok.sweeps.launching`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class Vectorized(Launcher):
    """Trains the cells of a sweep side by side where they can be, here or through another launcher."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from grok.sweeps.launching import launch  # torch and Lightning, which a single run's command line need not wait for

        return launch(job_overrides, initial_job_idx, self.hydra_context, self.config, **self.settings)
