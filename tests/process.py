"""`python train.py` in a process of its own, to be asked, killed and waited for.

It is forked from a process that has imported everything, and so trains at once: what a kill leaves has nothing to do
with imports, which take longer than all that these tests train.
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

LIMIT = 150  # seconds: a launcher whose job was lost would wait for ever

forkserver.set_forkserver_preload(["grok.sweeps.launching", "hydra.main", "pytest"])


class Command:
    """The command with these arguments, begun in a folder; what it says is kept until it has ended."""

    def __init__(self, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
        self.said = tempfile.NamedTemporaryFile()  # noqa: SIM115 – it lasts as long as the command
        given = (arguments, cwd, dict(environment or os.environ), self.said.name)
        self.process = multiprocessing.get_context("forkserver").Process(target=_run, args=given, daemon=True)
        self.process.start()

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.is_alive()

    def send(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.is_running() and self.process.pid:
            os.kill(self.process.pid, number)

    def ended(self, *, within: float = LIMIT) -> tuple[int | None, str]:
        """Wait until it has ended: its exit code, and all that it said on both streams."""
        self.process.join(within)
        in_time = not self.is_running()
        self.process.kill()
        self.process.join()
        said = self.said.read().decode()
        assert in_time, f"still there after {within} s\n{said}"
        return self.process.exitcode, said


def _run(arguments: tuple[str, ...], cwd: Path, environment: Mapping[str, str], said: str) -> None:
    """What `python train.py` does, here: our own process, whose streams go to a file."""
    with Path(said).open("ab", buffering=0) as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    os.environ.clear()  # it was that of the process that it was forked from
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = [str(ROOT / "train.py"), *arguments]
    import train
    from grok.command_line import run

    sys.exit(run(train.main, config_folder=train.CONF))
