"""The loggers of a run in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from rich.console import Console

from grok.records.history import History
from grok.sweeps.run import Run
from grok.training.instantiation import instantiate
from grok.training.run_logger import RunLogger


@dataclass(frozen=True)
class RunLoggers:
    """The open loggers of one run; `close` finishes them."""

    loggers: Sequence[RunLogger]
    stack: ExitStack

    def close(self) -> None:
        """Finish the loggers."""
        self.stack.close()


def open_loggers(
    run: Run, history: Mapping[str, Any] | None, console: Console, all_loggers: ExitStack, *, announce: bool
) -> RunLoggers:
    """Open the run's loggers and log the evaluations of its earlier sessions, which are the state of a `History`.

    The loggers are finished with `all_loggers` at the latest. `announce`: print how to view them.
    """
    stack = all_loggers.enter_context(ExitStack())
    loggers = stack.enter_context(_loggers(run, console, announce=announce))
    earlier = History()
    if history:
        earlier.load_state_dict(history)
    for logger in loggers:
        for row, step in enumerate(earlier.steps):
            logger.log_metrics(earlier.scalars(0, row), step)
    return RunLoggers(loggers, stack)


@contextmanager
def _loggers(run: Run, console: Console, *, announce: bool) -> Iterator[list[RunLogger]]:
    """The loggers that the configuration asks for, finished however the run ends."""
    if "_target_" not in run.config["logger"]:
        yield []
        return
    make_logger = instantiate(run.config["logger"], "logger")
    logger = make_logger(folder=run.folder.absolute(), config=run.config, warn=partial(_print_once, console))
    succeeded = False
    try:
        yield [logger]
        succeeded = True
    finally:
        message = logger.finish(succeeded=succeeded)
        if announce:
            console.print(message)


@cache
def _print_once(console: Console, line: str) -> None:
    """Print a line, unless this console has shown it: the runs of a sweep have the same warnings."""
    console.print(line)
