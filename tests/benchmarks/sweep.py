"""How fast a sweep is: `python -m tests.benchmarks.sweep [steps [cells side by side, by joblib, in turn]]`.

The same teacher–student sweep three ways, each by its whole command, start-up and all that it leaves included: side
by side, cell by cell in two processes by joblib, and cell by cell in one. What is compared is the time for a cell; the
slow ways may be given fewer cells, which then carry a larger share of the start-up. Ratios count, not seconds.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
WAYS = {
    "side by side": (),
    "joblib, 2 processes": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.launcher.unit=cell"),
    "one after the other": ("hydra.launcher.unit=cell",),
}


def seconds(cells: int, steps: int, ways: tuple[str, ...]) -> float:
    """Wall time of the sweep's command."""
    with tempfile.TemporaryDirectory() as folder:
        keys = (f"seed=range({cells // 4})", "init_scale=0.5,1,2,4", f"steps={steps}", "logger=none")
        command = [sys.executable, "train.py", "-m", "task=teacher_student", *keys, *ways, f"hydra.sweep.dir={folder}"]
        begun = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begun


def main(steps: int = 20_000, *cells: int) -> None:
    counts = dict(zip(WAYS, cells or (100, 100, 100), strict=True))
    table = Table(title=f"teacher_student, {steps:,} steps a cell")
    for column in ("way", "cells", "seconds", "seconds a cell", "times side by side", "largest process so far (GB)"):
        table.add_column(column)
    first = 0.0
    for name, ways in WAYS.items():
        taken = seconds(counts[name], steps, ways)
        each = taken / counts[name]
        first = first or each
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # of all commands so far
        row = (name, str(counts[name]), f"{taken:.0f}", f"{each:.2f}", f"{each / first:.2f}", f"{peak:.2f}")
        table.add_row(*row)
        print(" | ".join(row), flush=True)
    Console().print(table)


if __name__ == "__main__":
    main(*[int(each) for each in sys.argv[1:]])
