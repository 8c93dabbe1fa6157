"""How fast a sweep is: `python -m tests.benchmarks.sweep [cells] [steps]`.

The same teacher–student sweep three ways, each by its whole command, start-up and all that it leaves included: side by
side, cell by cell in two processes by joblib, and cell by cell in one. Side by side runs first and last, so that a
machine that others use betrays itself. Ratios count, not seconds.
"""

from __future__ import annotations

import os
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
    "side by side, again": (),
}


def seconds(cells: int, steps: int, ways: tuple[str, ...]) -> float:
    """Wall time of the sweep's command."""
    with tempfile.TemporaryDirectory() as folder:
        keys = (f"seed=range({cells // 4})", "init_scale=0.5,1,2,4", f"steps={steps}", "looks.every=null")
        command = [sys.executable, "train.py", "-m", "task=teacher_student", *keys, "logger=none", *ways]
        begun = time.perf_counter()
        subprocess.run(
            [*command, f"hydra.sweep.dir={folder}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=os.environ
        )
        return time.perf_counter() - begun


def main(cells: int, steps: int) -> None:
    taken, peaks = {}, {}
    for name, ways in WAYS.items():
        taken[name] = seconds(cells, steps, ways)
        peaks[name] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # of all commands so far
    table = Table(title=f"{cells} cells of teacher_student, {steps:,} steps each")
    for column in ("way", "seconds", "ms a cell", "times side by side", "largest process so far (GB)"):
        table.add_column(column)
    for name, own in taken.items():
        ratio = own / taken["side by side"]
        table.add_row(name, f"{own:.0f}", f"{own / cells * 1000:.0f}", f"{ratio:.2f}", f"{peaks[name]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main(*[int(each) for each in (*sys.argv[1:], *("100", "3000")[len(sys.argv) - 1 :])])
