"""Speed of a step, compared with the same work in JAX:

    pip install -c constraints.txt -e '.[peers]'
    python -m tests.benchmarks.peers [--rounds 5] [--rows mnist toy]

Each way is timed in a process of its own, in turns. A process makes its network, compiles, trains for a moment, and
then times steps. Ours are compiled where the model gains by it, as in a long run. The table has the medians over
rounds, and the ratio of JAX's time to ours with its quartiles. Compile times are not part of a step; they are in a
column of their own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from rich.console import Console
from rich.table import Table

kept_active = ExitStack()  # the products of this process
SECONDS = 3.0  # of timed training in each process
STEPS, LONG_STEPS = 100, 20  # that are timed together, as in a scan of JAX; of sparse parity
PARITY = ("task=sparse_parity", "task.n_subtasks=500", "task.n_bits=100", "batch_size=20000", "optimizer.lr=1e-3")
ROWS = {  # overrides, replicas, and whether each step has a new batch
    "mnist": (("task=mnist_grok",), 1, True),
    "teacher_student × 100": (("task=teacher_student",), 100, True),
    "toy × 110": (("task=toy_addition",), 110, True),
    "modular_addition": (("task=modular_addition",), 1, True),
    "parity 100": ((*PARITY, "model.width=100"), 1, True),
    "parity 500": ((*PARITY, "model.width=500"), 1, True),
    "parity 100, one batch": ((*PARITY, "model.width=100"), 1, False),
    "parity 500, one batch": ((*PARITY, "model.width=500"), 1, False),
}
WAYS = ("jax", "ours", "ours, not compiled")


def ours(row: str, steps: int, *, may_compile: bool) -> Callable[[], None]:
    """A function that trains `steps` of our steps."""
    import torch

    from grok.training.build import build
    from grok.training.memory import keep_freed_memory
    from grok.training.products import choose_products
    from tests.conftest import composed

    keep_freed_memory()
    overrides, n, draws = ROWS[row]
    device = torch.device("cpu")
    kept_active.enter_context(choose_products("auto", "float32", device).active())
    module, _ = build([composed(*overrides, "logger=none", f"seed={seed}") for seed in range(n)])
    if may_compile and module.model.gains_by_compiling:
        module.compile_gradients(device)
    optimizer = module.configure_optimizers()
    if not draws:
        batch = module.batches.batch(0)
        module.batches.batch = lambda step: batch  # type: ignore[method-assign]

    def train() -> None:
        for _ in range(steps):
            module.train_step(optimizer)

    return train


def in_jax(row: str) -> Callable[[], None]:
    """A function that trains a scan of steps in JAX."""
    from tests.benchmarks import peers_jax

    kind, *rest = row.replace(",", "").split()
    made: dict[str, Callable[[], Callable[[], None]]] = {
        "mnist": peers_jax.mnist,
        "teacher_student": peers_jax.teacher_student,
        "toy": peers_jax.toy,
        "modular_addition": peers_jax.modular_addition,
        "parity": lambda: peers_jax.parity(int(rest[0]), drawing="batch" not in rest),
    }
    return made[kind]()


def measure(way: str, row: str) -> dict[str, float]:
    """Seconds of a step, and of everything before the first steps have ended."""
    start, steps = time.perf_counter(), LONG_STEPS if row.startswith("parity") else STEPS
    train = in_jax(row) if way == "jax" else ours(row, steps, may_compile=way == "ours")
    train()
    first = time.perf_counter() - start
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 3:
        start = time.perf_counter()
        train()
        times.append(time.perf_counter() - start)
    return {"step": statistics.median(times) / steps, "first": first}


def quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f} – {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="at least 2")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[*ROWS], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "ROW"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    table = Table("step", *(f"{way}, ms" for way in WAYS), "JAX / ours", "start and compile, s: JAX, ours")
    for row in options.rows:
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                command = [sys.executable, "-m", "tests.benchmarks.peers", "--measure", way, row]
                output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                found[way].append(json.loads(output.splitlines()[-1]))
        steps = {way: [each["step"] for each in values] for way, values in found.items()}
        ratios = [theirs / own for theirs, own in zip(steps["jax"], steps["ours"], strict=True)]
        first = [statistics.median(each["first"] for each in found[way]) for way in WAYS[:2]]
        medians = [f"{1e3 * statistics.median(steps[way]):.2f}" for way in WAYS]
        table.add_row(row, *medians, quartiles(ratios), ", ".join(f"{each:.1f}" for each in first))
        Console().print(table)


if __name__ == "__main__":
    main()
