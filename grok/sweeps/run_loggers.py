"""The loggers of a run in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pytorch_lightning.loggers import WandbLogger
from rich.console import Console

from grok.sweeps.run import Run
from grok.training import tracking
from grok.training.instantiation import instantiate


@dataclass(frozen=True)
class RunLoggers:
    """The open loggers of one run; `close` finishes them."""

    loggers: Sequence[WandbLogger]
    stack: ExitStack

    def close(self) -> None:
        """Finish the loggers."""
        self.stack.close()


def open_loggers(run: Run, console: Console, all_loggers: ExitStack, *, announce: bool) -> RunLoggers:
    """Open the run's loggers, finished with `all_loggers` at the latest; `announce`: print how to view them."""
    stack = all_loggers.enter_context(ExitStack())
    return RunLoggers(stack.enter_context(_loggers(run, console, announce=announce)), stack)


@contextmanager
def _loggers(run: Run, console: Console, *, announce: bool) -> Iterator[list[WandbLogger]]:
    """The loggers that the configuration asks for, finished however the run ends."""
    if "_target_" not in run.config["logger"]:
        yield []
        return
    logger = instantiate(run.config["logger"], "logger")(folder=run.folder.absolute(), config=run.config)
    succeeded = False
    try:
        yield [logger]
        succeeded = True
    finally:
        message = tracking.finish_run(logger, succeeded=succeeded)
        if announce:
            console.print(message)
