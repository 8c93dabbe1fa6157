"""The loggers of the runs in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from types import TracebackType
from typing import Any

from rich.console import Console

from grok.records.history import History
from grok.sweeps.run import Run
from grok.training.instantiation import instantiate
from grok.training.run_logger import Outputs, RunLogger

MAX_FINISHING = 64  # loggers that are finished at the same time


@dataclass(frozen=True)
class RunLoggers:
    """The open loggers of one run; `finish` gives them its outputs and finishes them."""

    loggers: Sequence[RunLogger]
    finish: Callable[[Outputs], None]


class LoggerStack:
    """The loggers of runs that train together, all finished when this context ends.

    They are finished in threads, so that runs do not wait one after the other for a server that is gone.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.open: dict[RunLogger, bool] = {}  # whether to print how to view it
        self.finishing = ThreadPoolExecutor(MAX_FINISHING)

    def open_loggers(self, run: Run, history: Mapping[str, Any] | None, *, announce: bool) -> RunLoggers:
        """Open the run's loggers and log the evaluations of its earlier sessions, the state of a `History`."""
        if "_target_" not in run.config["logger"]:
            return RunLoggers([], lambda outputs: None)
        make_logger = instantiate(run.config["logger"], "logger")
        warn = partial(_print_once, self.console)
        logger = make_logger(folder=run.folder.absolute(), config=run.config, warn=warn)
        self.open[logger] = announce
        if history:
            earlier = History()
            earlier.load_state_dict(history)
            for row, step in enumerate(earlier.steps):
                logger.log_metrics(earlier.scalars(0, row), step=step)
        return RunLoggers([logger], partial(self._finish, logger))

    def __enter__(self) -> LoggerStack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for logger in [*self.open]:
            self._finish(logger, None)
        self.finishing.shutdown()

    def _finish(self, logger: RunLogger, outputs: Outputs | None) -> None:
        self.finishing.submit(self._finish_now, logger, outputs, self.open.pop(logger))

    def _finish_now(self, logger: RunLogger, outputs: Outputs | None, announce: bool) -> None:
        message = logger.finish(outputs)
        if announce:
            self.console.print(message)


def check_login(runs: Sequence[Run], console: Console) -> None:
    """Ask W&B once before a sweep starts, so that a refusal is one line.

    Raises:
        UserError: runs must be online, and W&B refuses the login.
    """
    for mode in {str(run.config["logger"]["mode"]) for run in runs if "mode" in run.config["logger"]}:
        from grok.training.wandb_mode import requested_mode, resolve_mode  # imports wandb

        resolve_mode(requested_mode(mode), warn=partial(_print_once, console))


@cache
def _print_once(console: Console, line: str) -> None:
    """Print a line, unless this console has shown it: the runs of a sweep have the same warnings."""
    console.print(line)
