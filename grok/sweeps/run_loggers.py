"""The loggers of the runs in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    """The open loggers of one run; `finish` gives them its outputs, finishes them, and then calls a function."""

    loggers: Sequence[RunLogger]
    finish: Callable[[Outputs, Callable[[], None]], None]


class LoggerStack:
    """The loggers of runs that train together, all finished when this context ends.

    They are finished in threads, so that runs do not wait one after the other for a server that is gone.
    """

    def __init__(self, console: Console, last_lines: list[str]) -> None:
        self.console, self.last_lines = console, last_lines
        self.open: dict[RunLogger, bool] = {}  # whether to say at the end how to view it
        self.pool = ThreadPoolExecutor(MAX_FINISHING)
        self.finishing: list[Future[None]] = []

    def open_loggers(self, run: Run, history: Mapping[str, Any] | None, *, announce: bool) -> RunLoggers:
        """Open the run's loggers and log the evaluations of its earlier sessions, the state of a `History`."""
        if "_target_" not in run.config["logger"]:
            return RunLoggers([], lambda outputs, then: then())
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
            self._finish(logger, None, lambda: None)
        self.pool.shutdown()
        for each in self.finishing if error is None else ():
            each.result()  # raises what could not be written

    def _finish(self, logger: RunLogger, outputs: Outputs | None, then: Callable[[], None]) -> None:
        self.finishing.append(self.pool.submit(self._finish_now, logger, outputs, then, announce=self.open.pop(logger)))

    def _finish_now(
        self, logger: RunLogger, outputs: Outputs | None, then: Callable[[], None], *, announce: bool
    ) -> None:
        try:
            message = logger.finish(outputs)
        except Exception as error:  # of a user's own logger, which must not cost the run
            self.console.print(f"logger: {type(error).__name__}: {error}")
        else:
            self.last_lines += [message] if announce else []
        then()


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
