"""Speed of a run and of a sweep on a shared machine: `python -m tests.benchmarks.waiting [--rounds 3] [--seconds 20]`.

The MNIST run and a sweep of 30 teacher–student runs are timed on the idle machine and beside one busy process per core
(of normal and of low priority), with threads that wait as the command sets it, as torch comes, and with one thread.
Each is a full command with compiled steps; its speed is the `steps_per_second` of its summary, without compile time.
All variants take turns. Only ratios count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.sweep import ROOT

WORK = {  # overrides and steps a second on two idle cores, from which the number of steps follows
    "MNIST run": (("task=mnist_grok",), 1000),
    "sweep of 30 teacher–student runs": (("-m", "task=teacher_student", "seed=range(30)"), 450),
}
WAITING = {
    "as set": {},
    "as torch comes": {"GOMP_SPINCOUNT": "300000"},  # libgomp's default
    "one thread": {"OMP_NUM_THREADS": "1"},
}
NEIGHBORS = {"idle": None, "busy": 0, "busy at low priority": 19}  # niceness of one busy process per core


@contextmanager
def busy_processes(niceness: int | None) -> Iterator[None]:
    """One process per core that computes without end; none if `niceness` is None."""
    count = 0 if niceness is None else os.cpu_count() or 1
    loop = f"import os; os.nice({niceness})\nwhile True: pass"
    processes = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def steps_per_second(overrides: tuple[str, ...], steps: int, environment: dict[str, str]) -> float:
    """The speed of the command's training, all of its runs at once."""
    with tempfile.TemporaryDirectory() as folder:
        place = "hydra.sweep.dir" if "-m" in overrides else "hydra.run.dir"
        keys = (f"steps={steps}", "compile=true", "logger=none", f"{place}={folder}")
        command = [sys.executable, "train.py", *overrides, *keys]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=kept | environment)
        summary = next(Path(folder).rglob("summary.json"))
        return json.loads(summary.read_text())["steps_per_second"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="of training per command on two idle cores")
    options = parser.parse_args()
    for name, (overrides, speed) in WORK.items():
        found: dict[tuple[str, str], list[float]] = {(way, beside): [] for way in WAITING for beside in NEIGHBORS}
        for _ in range(options.rounds):
            for way, beside in found:
                with busy_processes(NEIGHBORS[beside]):
                    rate = steps_per_second(overrides, int(speed * options.seconds), WAITING[way])
                found[way, beside].append(rate)
        idle = statistics.median(found["as torch comes", "idle"])
        table = Table(f"{name}: speed / idle as torch comes", *NEIGHBORS)
        for way in WAITING:
            table.add_row(way, *(f"{statistics.median(found[way, beside]) / idle:.2f}" for beside in NEIGHBORS))
        Console().print(table, f"idle as torch comes: {idle:,.0f} steps a second")


if __name__ == "__main__":
    main()
