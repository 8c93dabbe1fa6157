"""What an experiment tracker owes a run."""

from __future__ import annotations

from abc import abstractmethod
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from pytorch_lightning.loggers import Logger


class RunLogger(Logger):
    """Lightning's logger of one run. It gets every evaluation, those of earlier sessions included, and the outputs."""

    @abstractmethod
    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:  # type: ignore[override]
        """Log the scalars of the evaluation at this step, unless an earlier session has logged them."""

    @abstractmethod
    def log_outputs(self, record: xr.Dataset, *, summary: Mapping[str, Any], figures: Mapping[str, Path]) -> None:
        """Log the outputs of a finished run."""

    @abstractmethod
    def finish(self, *, succeeded: bool) -> str:
        """Send what is left and close the logger; returns one line that says how to view the run."""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Lightning has no hyperparameters here: the configuration is passed when the logger is made."""
