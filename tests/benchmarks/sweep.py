"""Speed of a sweep: `python -m tests.benchmarks.sweep [steps [runs: batched, by joblib, one by one]]`.

It times one teacher–student sweep in three ways, each by its full command with start-up and outputs: all runs in one
batch, one run per job in two joblib processes, and one run after another. It compares the time per run. The slow ways
may get fewer runs; start-up then has a larger share of their time. Only ratios count, not seconds.
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
    "batched": (),
    "joblib, 2 processes": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.launcher.job=run"),
    "one after another": ("hydra.launcher.job=run",),
}


def sweep_seconds(n_runs: int, steps: int, overrides: tuple[str, ...]) -> float:
    """Wall time of the sweep's command."""
    with tempfile.TemporaryDirectory() as folder:
        keys = (f"seed=range({n_runs // 4})", "init_scale=0.5,1,2,4", f"steps={steps}", "logger=none")
        command = [sys.executable, "train.py", "-m", "task=teacher_student", *keys, *overrides]
        start = time.perf_counter()
        subprocess.run([*command, f"hydra.sweep.dir={folder}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def main(steps: int = 20_000, *n_runs: int) -> None:
    counts = dict(zip(WAYS, n_runs or (100, 100, 100), strict=True))
    table = Table(title=f"teacher_student, {steps:,} steps per run")
    for column in ("way", "runs", "seconds", "seconds per run", "times batched", "largest process so far (GB)"):
        table.add_column(column)
    batched = None
    for name, overrides in WAYS.items():
        seconds = sweep_seconds(counts[name], steps, overrides)
        per_run = seconds / counts[name]
        batched = batched or per_run
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # of all commands so far
        row = (name, str(counts[name]), f"{seconds:.0f}", f"{per_run:.2f}", f"{per_run / batched:.2f}", f"{peak:.2f}")
        table.add_row(*row)
        print(" | ".join(row), flush=True)
    Console().print(table)


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]])
