"""Speed of the effective theory's phase diagram, and of its parallelograms:

    python -m tests.benchmarks.effective_theory [steps [runs of the slow ways: fewer, more]]

The phase diagram has the 110 runs of Liu et al. 2022, Fig. 6a (10 learning rates of the embeddings, 11 of the decoder).
It is timed in three ways, each by its full command with start-up and outputs: all runs in one batch, one run per job in
two joblib processes, and one run after another. The slow ways are timed at two numbers of runs, and a straight line
extrapolates to 110 runs.

Then P₀ for 100 numbers: time and peak memory, each in a new process. Only ratios count, not seconds.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from grok.science.effective_theory.parallelograms import equations, parallelograms
from grok.science.effective_theory.toy_operations import toy_table
from tests.benchmarks.sweep import ROOT, WAYS

N_EMBEDDING_RATES, N_DECODER_RATES = 10, 11
N_RUNS = N_EMBEDDING_RATES * N_DECODER_RATES


def learning_rates(n: int) -> str:
    """`n` learning rates from 1e-5 to 1e-2, as a swept value."""
    return ",".join(f"{rate:.3g}" for rate in np.geomspace(1e-5, 1e-2, n))


def sweep_seconds(n_runs: int, steps: int, overrides: tuple[str, ...]) -> float:
    """Wall time of the sweep's command, over full rows of the phase diagram."""
    with tempfile.TemporaryDirectory() as folder:
        embedding_rates = learning_rates(n_runs // N_DECODER_RATES)
        grid = (
            f"optimizer.param_groups.embeddings.lr={embedding_rates}",
            f"optimizer.lr={learning_rates(N_DECODER_RATES)}",
        )
        keys = (f"steps={steps}", "evaluate.every=null", "measure=[]", "plot=[]", "logger=none")
        command = [sys.executable, "train.py", "-m", "task=toy_addition", *grid, *keys, *overrides]
        start = time.perf_counter()
        subprocess.run([*command, f"hydra.sweep.dir={folder}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def time_parallelograms(p: int, with_equations: bool) -> tuple[int, float, float]:
    """The number of parallelograms of p numbers, the seconds to find them, and the rise of peak memory in MB."""
    torch.set_num_threads(1)
    pairs, results = toy_table("add", p)
    equations(toy_table("add", 10)[0], parallelograms(toy_table("add", 10)[1]), 10)  # warm up
    peak_before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    quadruples = parallelograms(results)
    if with_equations:
        equations(pairs, quadruples, p)
    seconds = time.perf_counter() - start
    return len(quadruples), seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_before) / 2**10


def main(steps: int = 3000, fewer: int = 11, more: int = 33) -> None:
    table = Table(title=f"toy_addition, {steps:,} steps per run")
    for column in ("way", "seconds (runs)", f"seconds for {N_RUNS} runs", "times batched"):
        table.add_column(column)
    batched = None
    for name, overrides in WAYS.items():
        counts = (fewer, more) if overrides else (N_RUNS,)
        seconds = [sweep_seconds(n_runs, steps, overrides) for n_runs in counts]
        total = float(np.polyval(np.polyfit(counts, seconds, len(counts) - 1), N_RUNS))
        batched = batched or total
        timed = ", ".join(f"{each:.1f} ({n_runs})" for each, n_runs in zip(seconds, counts, strict=True))
        row = (name, timed, f"{total:.0f}", f"{total / batched:.2f}")
        table.add_row(*row)
        print(" | ".join(row), flush=True)
    Console().print(table)
    for caption, with_equations in (("P₀", False), ("P₀ and its equations", True)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            number, elapsed, memory = pool.submit(time_parallelograms, 100, with_equations).result()
        print(f"p = 100, {caption}: {number:,} parallelograms in {elapsed:.3f} s, {memory:.0f} MB of peak memory")


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]])
