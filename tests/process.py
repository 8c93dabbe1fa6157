"""`python train.py` in its own process, to be queried, killed and waited for.

The process is forked from one that has imported everything, so it trains at once: the effect of a kill does not depend
on imports, which take longer than these tests train.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path

from tests.conftest import ROOT

LIMIT = 300  # seconds: a launcher whose job was lost would wait forever, and busy machines are slow

forkserver.set_forkserver_preload(["grok.sweeps.launch", "hydra.main", "pytest"])


class TrainProcess:
    """The command with these arguments, started in a folder; its output is kept until it has ended."""

    def __init__(self, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
        self.output = tempfile.NamedTemporaryFile()  # noqa: SIM115 – it lasts as long as the command
        args = (arguments, cwd, dict(environment or os.environ), self.output.name)
        self.process = multiprocessing.get_context("forkserver").Process(target=_run, args=args, daemon=True)
        self.process.start()

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.is_alive()

    def send(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.is_running() and self.process.pid:
            os.kill(self.process.pid, number)

    def wait(self, *, within: float = LIMIT) -> tuple[int | None, str]:
        """Wait until it has ended; returns its exit code and its output on both streams."""
        self.process.join(within)
        in_time = not self.is_running()
        self.process.kill()
        self.process.join()
        output = self.output.read().decode()
        assert in_time, f"still running after {within} s\n{output}"
        return self.process.exitcode, output


def _run(arguments: tuple[str, ...], cwd: Path, environment: Mapping[str, str], output: str) -> None:
    """Run `python train.py` in this process, with both streams redirected to a file."""
    with Path(output).open("ab", buffering=0) as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()  # it was that of the process from which this one was forked
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = [str(ROOT / "train.py"), *arguments]
    import train
    from grok.command_line import run

    sys.exit(run(train.main, config_folder=train.CONF))
