"""What an experiment tracker owes a run."""

from __future__ import annotations

from abc import abstractmethod
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr
from pytorch_lightning.loggers import Logger


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The outputs of a finished run."""

    record: xr.Dataset
    summary: dict[str, Any]
    figures: Mapping[str, Path]  # by their names


class RunLogger(Logger):
    """Lightning's logger of one run. It gets every evaluation, those of earlier sessions included, and the outputs."""

    @abstractmethod
    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:  # type: ignore[override]
        """Log the scalars of the evaluation at this step, unless an earlier session has logged them."""

    @abstractmethod
    def finish(self, outputs: Outputs | None) -> str:
        """Log the outputs, None if the run has not finished, send what is left and close the logger.

        Returns one line that says how to view the run. It may be called in another thread.
        """

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Lightning has no hyperparameters here: the configuration is passed when the logger is made."""
