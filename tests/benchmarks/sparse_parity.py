"""Speed of a step of sparse parity at the paper's sizes:

    python -m tests.benchmarks.sparse_parity [--rounds 10] [--widths 100 500] [--device cuda]

It times two ways alternately in one process. Ours includes sampling the batch. The reference's makes a batch subtask by
subtask in Python, with one-hot control bits, torch.nn.Linear over all 600 inputs, and unfused AdamW. Only ratios count.
A second table shows the parts of our step, and the arithmetic limit of both.
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

from grok.random_streams import RandomStreams
from grok.tasks.sparse_parity import SparseParity
from grok.training.build import build
from grok.training.memory import keep_freed_memory
from grok.training.module import ReplicaModule
from grok.training.products import choose_products
from tests.benchmarks.arithmetic import operations, operations_per_second
from tests.conftest import composed

SIZES = ("task.n_subtasks=500", "task.n_bits=100", "batch_size=20000", "optimizer.lr=1e-3")
BATCH = 20_000

Work = Callable[[], object]


def ours(width: int, device: torch.device) -> tuple[ReplicaModule, torch.optim.Optimizer]:
    """Our network and its optimizer, on the device."""
    module, _ = build([composed("task=sparse_parity", *SIZES, f"model.width={width}")])
    module.to(device)
    module.on_fit_start()
    return module, module.configure_optimizers()


def reference(width: int, task: SparseParity, device: torch.device) -> Work:
    """A step as in the reference code."""
    n_subtasks, n_bits = task.n_subtasks, task.n_bits
    network = nn.Sequential(nn.Linear(n_subtasks + n_bits, width), nn.ReLU(), nn.Linear(width, 2)).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0)
    subsets, cumulative = task.subsets(RandomStreams(0)).tolist(), task.frequencies.cumsum(0)
    criterion = nn.CrossEntropyLoss()

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        uniform = torch.rand(BATCH, dtype=torch.float64)
        subtasks = torch.searchsorted(cumulative, uniform).clamp_(max=n_subtasks - 1)
        inputs = torch.zeros(BATCH, n_subtasks + n_bits, device=device)
        targets = torch.zeros(BATCH, dtype=torch.int64, device=device)
        start = 0
        for subtask, size in enumerate(subtasks.bincount(minlength=n_subtasks).tolist()):
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


def wall_time(work: Work, device: torch.device) -> float:
    """Seconds until the device has finished the work."""
    synchronize = torch.get_device_module(device).synchronize
    synchronize()
    start = time.perf_counter()
    work()
    synchronize()
    return time.perf_counter() - start


def step_parts(module: ReplicaModule, optimizer: torch.optim.Optimizer, device: torch.device) -> dict[str, float]:
    """Seconds of each part of a step, in order."""
    seconds = {}

    def timed(name: str, work: Work) -> None:
        seconds[name] = wall_time(work, device)

    batches, losses = [], []
    timed("sample", lambda: batches.append(module.batches.batch(module.step)))
    ((inputs, targets),) = batches
    timed("forward", lambda: losses.append(module.task.example_loss(module.model(inputs), targets).mean(1).sum()))
    optimizer.zero_grad(set_to_none=True)
    timed("backward", losses[0].backward)
    timed("optimizer", optimizer.step)
    module.step += 1
    return seconds


def row(name: str, times: Sequence[float], ratios: Sequence[float]) -> tuple[str, str, str]:
    """A table row: the median time in milliseconds, and the median ratio with its quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return name, f"{1e3 * statistics.median(times):.1f}", f"{middle:.2f} ({low:.2f} – {high:.2f})"


def compare(width: int, rounds: int, device: torch.device) -> None:
    """Print the times of both ways, and of the parts of our step, at a width."""
    module, optimizer = ours(width, device)
    products = choose_products("auto", "float32", device)

    def our_step() -> None:
        with products.active():  # as in a run
            module.train_step(optimizer)

    ways: dict[str, Work] = {
        "our step": our_step,
        "the reference's step": reference(width, module.task, device),
    }
    for work in ways.values():
        work()  # warm up
    with products.active():
        step_parts(module, optimizer, device)
    steps, parts, rates = [], [], []
    for _ in range(rounds):
        steps.append({name: wall_time(work, device) for name, work in ways.items()})
        with products.active():
            parts.append(step_parts(module, optimizer, device))
            rates.append(operations_per_second(device))
    sizes = f"500 subtasks, 100 bits, batch {BATCH:,}, width {width}"
    table = Table("way", "ms per step", "times ours", title=f"{sizes}: medians of {rounds} rounds, with quartiles")
    for name in ways:
        table.add_row(*row(name, [each[name] for each in steps], [each[name] / each["our step"] for each in steps]))
    Console().print(table)
    table = Table("part of our step", "ms", "share")
    for name in parts[0]:
        shares = [each[name] / sum(each.values()) for each in parts]
        table.add_row(*row(name, [each[name] for each in parts], shares))
    Console().print(table)
    print(f"large products: {statistics.median(rates) / 1e9:.0f} GFLOP/s")
    for name, work in ways.items():
        count = operations(work)
        limits = [count / rate for rate in rates]
        shares = [limit / each[name] for limit, each in zip(limits, steps, strict=True)]
        _, limit, share = row(name, limits, shares)
        print(f"{name}: at this rate {limit} ms; share of the step: {share}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--widths", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    keep_freed_memory()
    for width in options.widths:
        compare(width, options.rounds, options.device)


if __name__ == "__main__":
    main()
