"""How fast a step of sparse parity is, at the paper's sizes:

    python -m tests.benchmarks.sparse_parity [--rounds 10] [--widths 100 500] [--device cuda]

In turn, in one process: our step, with the drawing of its batch, and the way of the reference: a batch made subtask by
subtask in Python, control bits one-hot, all 600 inputs multiplied out by torch.nn.Linear, unfused AdamW. Ratios count.
Then what a step of ours spends its time on.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from grok.streams import Streams
from grok.tasks.sparse_parity import SparseParity
from grok.training.build import build
from grok.training.memory import keep_freed_memory
from grok.training.module import Training
from tests.conftest import composed

SIZES = ("task.n_subtasks=500", "task.n_bits=100", "batch_size=20000", "optimizer.lr=1e-3")
BATCH = 20_000

Work = Callable[[], object]


def ours(width: int, device: torch.device) -> tuple[Training, torch.optim.Optimizer]:
    """Our network and its optimiser, on the device."""
    training, _ = build([composed("task=sparse_parity", *SIZES, f"model.width={width}")])
    training.to(device)
    training.on_fit_start()
    return training, training.configure_optimizers()


def reference(width: int, task: SparseParity, device: torch.device) -> Work:
    """A step of the reference's way."""
    n_subtasks, n_bits = task.n_subtasks, task.n_bits
    network = nn.Sequential(nn.Linear(n_subtasks + n_bits, width), nn.ReLU(), nn.Linear(width, 2)).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0)
    subsets, below = task.subsets(Streams(0)).tolist(), task.frequencies.cumsum(0)
    criterion = nn.CrossEntropyLoss()

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        drawn = torch.searchsorted(below, torch.rand(BATCH, dtype=torch.float64)).clamp_(max=n_subtasks - 1)
        inputs = torch.zeros(BATCH, n_subtasks + n_bits, device=device)
        targets = torch.zeros(BATCH, dtype=torch.int64, device=device)
        start = 0
        for subtask, size in enumerate(drawn.bincount(minlength=n_subtasks).tolist()):
            if size:
                bits = torch.randint(0, 2, (size, n_bits), dtype=torch.float32, device=device)
                inputs[start : start + size, n_subtasks:] = bits
                inputs[start : start + size, subtask] = 1
                targets[start : start + size] = bits[:, subsets[subtask]].sum(1) % 2
                start += size
        return inputs, targets

    def step() -> None:
        inputs, targets = batch()
        optimizer.zero_grad()
        criterion(network(inputs), targets).backward()
        optimizer.step()

    return step


def seconds(work: Work, device: torch.device) -> float:
    """Wall time until the device has done it."""
    synchronize = torch.get_device_module(device).synchronize
    synchronize()
    begun = time.perf_counter()
    work()
    synchronize()
    return time.perf_counter() - begun


def parts(training: Training, optimizer: torch.optim.Optimizer, device: torch.device) -> dict[str, float]:
    """Seconds that the parts of a step take, one after the other."""
    taken = {}

    def timed(name: str, work: Work) -> None:
        taken[name] = seconds(work, device)

    drawn, losses = [], []
    timed("draw", lambda: drawn.append(training.feed.batch(training.step)))
    ((inputs, targets),) = drawn
    timed("forward", lambda: losses.append(training.task.example_loss(training.model(inputs), targets).mean(1).sum()))
    optimizer.zero_grad(set_to_none=True)
    timed("backward", losses[0].backward)
    timed("optimiser", optimizer.step)
    training.step += 1
    return taken


def row(name: str, times: Sequence[float], ratios: Sequence[float]) -> tuple[str, str, str]:
    """A row of a table: the median time in milliseconds, and a ratio with its quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return name, f"{1e3 * statistics.median(times):.1f}", f"{middle:.2f} ({low:.2f} – {high:.2f})"


def race(width: int, rounds: int, device: torch.device) -> None:
    """Print how long steps and their parts take at a width."""
    training, optimizer = ours(width, device)
    ways: dict[str, Work] = {
        "our step": lambda: training.take_step(optimizer),
        "the reference's way": reference(width, training.task, device),
    }
    for work in ways.values():
        work()
    parts(training, optimizer, device)
    times, shares = [], []
    for _ in range(rounds):
        times.append({name: seconds(work, device) for name, work in ways.items()})
        shares.append(parts(training, optimizer, device))
    sizes = f"500 subtasks, 100 bits, batch {BATCH:,}, width {width}"
    steps = Table("way", "ms a step", "times ours", title=f"{sizes}: medians of {rounds} rounds, with quartiles")
    for name in ways:
        steps.add_row(*row(name, [each[name] for each in times], [each[name] / each["our step"] for each in times]))
    Console().print(steps)
    within = Table("part of our step", "ms", "share")
    for name in shares[0]:
        within.add_row(
            *row(name, [each[name] for each in shares], [each[name] / sum(each.values()) for each in shares])
        )
    Console().print(within)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--widths", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    given = parser.parse_args()
    keep_freed_memory()
    for width in given.widths:
        race(width, given.rounds, given.device)


if __name__ == "__main__":
    main()
