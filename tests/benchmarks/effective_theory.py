"""How fast the effective theory's phase diagram is, and its parallelograms:

    python -m tests.benchmarks.effective_theory [steps [cells of the slow ways: few, and more]]

The 110 cells of Liu et al. 2022, Fig. 6a (10 learning rates of the embeddings, 11 of the decoder) three ways, each by
its whole command, start-up and all that it leaves included: side by side, cell by cell in two processes by joblib, and
cell by cell in one. The slow ways are timed at two numbers of cells, and what they would take for 110 follows from the
straight line. Then P₀ for 100 numbers: time, and memory at its highest, each in a process of its own. Ratios count, not
seconds.
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

from grok.science.parallelograms import equations, parallelograms
from grok.science.toy_operations import toy_table
from tests.benchmarks.sweep import ROOT, WAYS

N_EMBEDDING_RATES, N_DECODER_RATES = 10, 11
CELLS = N_EMBEDDING_RATES * N_DECODER_RATES


def rates(n: int) -> str:
    """So many learning rates from 1e-5 to 1e-2."""
    return ",".join(f"{rate:.3g}" for rate in np.geomspace(1e-5, 1e-2, n))


def seconds(cells: int, steps: int, ways: tuple[str, ...]) -> float:
    """Wall time of the sweep's command, over whole rows of the diagram."""
    with tempfile.TemporaryDirectory() as folder:
        rows = rates(cells // N_DECODER_RATES)
        grid = (f"optimizer.parts.embeddings.lr={rows}", f"optimizer.lr={rates(N_DECODER_RATES)}")
        keys = (f"steps={steps}", "looks.every=null", "measure=[performance]", "picture=[]", "logger=none")
        command = [sys.executable, "train.py", "-m", "task=toy_addition", *grid, *keys, *ways]
        begun = time.perf_counter()
        subprocess.run([*command, f"hydra.sweep.dir={folder}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begun


def quadruples(p: int, with_equations: bool) -> tuple[int, float, float]:
    """How many parallelograms p numbers have, the seconds that they take, with their equations or without, and by how
    many MB the most memory that this process has had rises."""
    torch.set_num_threads(1)
    pairs, results = toy_table("add", p)
    equations(toy_table("add", 10)[0], parallelograms(toy_table("add", 10)[1]), 10)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    found = parallelograms(results)
    if with_equations:
        equations(pairs, found, p)
    taken = time.perf_counter() - begun
    return len(found), taken, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10


def main(steps: int = 3000, few: int = 11, more: int = 33) -> None:
    table = Table(title=f"toy_addition, {steps:,} steps a cell")
    for column in ("way", "seconds (cells)", f"seconds for {CELLS} cells", "times side by side"):
        table.add_column(column)
    first = 0.0
    for name, ways in WAYS.items():
        counts = (few, more) if ways else (CELLS,)
        taken = [seconds(cells, steps, ways) for cells in counts]
        total = float(np.polyval(np.polyfit(counts, taken, len(counts) - 1), CELLS))
        first = first or total
        timed = ", ".join(f"{each:.1f} ({cells})" for each, cells in zip(taken, counts, strict=True))
        row = (name, timed, f"{total:.0f}", f"{total / first:.2f}")
        table.add_row(*row)
        print(" | ".join(row), flush=True)
    Console().print(table)
    for what, with_equations in (("P₀", False), ("P₀ and its equations", True)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            number, took, memory = alone.submit(quadruples, 100, with_equations).result()
        print(f"p = 100, {what}: {number:,} parallelograms in {took:.3f} s, {memory:.0f} MB at most")


if __name__ == "__main__":
    main(*[int(each) for each in sys.argv[1:]])
