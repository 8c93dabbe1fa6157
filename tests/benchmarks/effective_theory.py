"""How fast the effective theory's phase diagram is, and its parallelograms:

    python -m tests.benchmarks.effective_theory [steps [cells side by side, by joblib, in turn]]

The 110 cells of Liu et al. 2022, Fig. 6a (10 learning rates of the embeddings, 11 of the decoder) three ways, each by
its whole command, start-up and all that it leaves included: side by side, cell by cell in two processes by joblib, and
cell by cell in one. What is compared is the time for a cell; the slow ways may be given fewer cells, which then carry a
larger share of the start-up. Then P₀ for 100 numbers: time, and memory at its highest. Ratios count, not seconds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import numpy as np
import psutil
import torch
from rich.console import Console
from rich.table import Table

from grok.science.parallelograms import equations, parallelograms
from grok.science.toy_operations import toy_table
from tests.benchmarks.sweep import ROOT, WAYS

N_EMBEDDING_RATES, N_DECODER_RATES = 10, 11


def rates(n: int) -> str:
    """So many learning rates from 1e-5 to 1e-2."""
    return ",".join(f"{rate:.3g}" for rate in np.geomspace(1e-5, 1e-2, n))


def seconds(cells: int, steps: int, ways: tuple[str, ...]) -> float:
    """Wall time of the sweep's command, over whole rows of the diagram."""
    rows = max(1, cells // N_DECODER_RATES)
    with tempfile.TemporaryDirectory() as folder:
        grid = (f"optimizer.parts.embeddings.lr={rates(rows)}", f"optimizer.lr={rates(N_DECODER_RATES)}")
        keys = (f"steps={steps}", "looks.every=null", "measure=[performance]", "picture=[]", "logger=none")
        command = [sys.executable, "train.py", "-m", "task=toy_addition", *grid, *keys, *ways]
        begun = time.perf_counter()
        subprocess.run([*command, f"hydra.sweep.dir={folder}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return (time.perf_counter() - begun) / (rows * N_DECODER_RATES)


@contextmanager
def highest() -> Iterator[Callable[[], int]]:
    """The most memory that this process has had beyond what it began with, in bytes, looked at every millisecond."""
    process, ended = psutil.Process(), Event()
    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.001):
            most = max(most, process.memory_info().rss)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield lambda: most - before
    finally:
        ended.set()
        watcher.join()


def quadruples(p: int) -> None:
    """Print how long P₀ of p numbers takes, with its equations, and the memory of both."""
    pairs, results = toy_table("add", p)
    parallelograms(toy_table("add", 10)[1])
    with highest() as memory:
        begun = time.perf_counter()
        found = parallelograms(results)
        taken = time.perf_counter() - begun
        of_set = memory()
        rows = equations(pairs, found, p)
        both = time.perf_counter() - begun
        of_both = memory()
    print(f"p = {p}: {len(found):,} parallelograms in {taken:.3f} s, {of_set / 2**20:.0f} MB at most")
    print(f"with their equations [{', '.join(map(str, rows.shape))}]: {both:.3f} s, {of_both / 2**20:.0f} MB at most")


def main(steps: int = 300, *cells: int) -> None:
    torch.set_num_threads(1)
    counts = dict(zip(WAYS, cells or (N_EMBEDDING_RATES * N_DECODER_RATES, 22, 22), strict=True))
    table = Table(title=f"toy_addition, {steps:,} steps a cell")
    for column in ("way", "cells", "seconds a cell", "times side by side"):
        table.add_column(column)
    first = 0.0
    for name, ways in WAYS.items():
        each = seconds(counts[name], steps, ways)
        first = first or each
        row = (name, str(counts[name]), f"{each:.2f}", f"{each / first:.2f}")
        table.add_row(*row)
        print(" | ".join(row), flush=True)
    Console().print(table)
    quadruples(100)


if __name__ == "__main__":
    main(*[int(each) for each in sys.argv[1:]])
