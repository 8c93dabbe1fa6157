"""A real Slurm of one node with two CPUs: all its files are in one folder, and its daemons are our children."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PATH = f"{os.environ['PATH']}:/usr/sbin"  # where Debian has the daemons
PROGRAMS = ("mungekey", "munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "squeue", "scontrol")

# The node declares two CPUs and enough memory, independent of the machine. `cred_expire` is also the wait of a requeued
# job: two minutes by default, five seconds at least. Without accounting the launcher cannot learn that a job was killed
# and waits forever, so every sweep of a test needs its own limit.
CONFIGURATION = """\
ClusterName=grok
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
KillWait=2
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """The programs of Slurm and Munge that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


@dataclass(frozen=True)
class Slurm:
    """A running cluster; commands that use it run in its environment."""

    environment: dict[str, str]

    def ask(self, *command: str) -> str:
        """The output of one of Slurm's commands."""
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=30
        ).stdout.strip()

    def jobs(self, name: str) -> list[str]:
        """The numbers of all jobs with this name, ended ones included; every member of an array is a job."""
        return self.ask("squeue", "--noheader", "--array", "--states=all", f"--name={name}", "--format=%i").split()

    def time_out(self, name: str) -> None:
        """Send all jobs with this name the signal that Slurm sends before their time limit."""
        self.ask("scancel", "--signal=USR2", f"--name={name}")


@contextmanager
def started() -> Iterator[Slurm]:
    """A cluster that accepts jobs; at the end of the context it is stopped with all its jobs."""
    with tempfile.TemporaryDirectory(prefix="slurm") as name, ExitStack() as daemons:
        folder = Path(name)
        folder.chmod(0o755)  # Munge refuses a socket that others cannot reach
        key, reached_at = folder / "munge.key", folder / "munge.socket"
        cluster = Slurm({**os.environ, "PATH": PATH, "SLURM_CONF": str(_write_configuration(folder))})

        def daemon(*command: str) -> None:
            daemons.enter_context(_running(command, folder / f"{command[0]}.log", cluster.environment))

        cluster.ask("mungekey", "--create", f"--keyfile={key}")
        files = [f"--{kind}-file={folder}/munged.{kind}" for kind in ("pid", "log", "seed")]
        daemon("munged", "--foreground", f"--socket={reached_at}", f"--key-file={key}", *files)
        _wait(reached_at.exists, "Munge's socket", folder)
        daemon("slurmctld", "-D")
        daemon("slurmd", "-D")
        _wait(lambda: cluster.ask("sinfo", "--noheader", "--format=%T") == "idle", "an idle node", folder)
        try:
            yield cluster
        finally:
            cluster.ask("scancel", f"--user={_user()}")
            _wait(lambda: not cluster.ask("squeue", "--noheader"), "an empty queue", folder)


def _write_configuration(folder: Path) -> Path:
    """Write Slurm's configuration for a cluster in the folder; returns its path."""
    for part in ("state", "spool"):
        (folder / part).mkdir()
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # v2 would ask systemd for a scope
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"controller_port": one.getsockname()[1], "node_port": other.getsockname()[1]}
    path = folder / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    path.write_text(CONFIGURATION.format(folder=folder, host=host, user=_user(), **ports))
    return path


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def _running(command: tuple[str, ...], log: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run the command in the background until the context ends or this process dies."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=TERM", *command],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for pytest, which then stops the daemons in order
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(condition: Callable[[], bool], what: str, folder: Path) -> None:
    """Wait until the condition holds; after 20 seconds raise an error with the logs of the daemons."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(subprocess.CalledProcessError):  # the daemon does not answer yet
            if condition():
                return
        time.sleep(0.1)
    logs = "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in folder.glob("*.log"))
    raise TimeoutError(f"no {what} within 20 s\n{logs}")
