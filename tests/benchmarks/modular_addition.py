"""Speed of an epoch of modular addition:

    python -m tests.benchmarks.modular_addition [--rounds 10] [--p 113] [--device cuda] [--seeds 64] [--compiled]

It times these ways alternately in one process, in float32 with the loss in float64. Only ratios count.

- Our epoch with evaluations (every 100 epochs, the task's default measures); with all measures of modular addition;
  without evaluations; and with products that the device may round (`precision=bfloat16`).
- The reference's epoch, with and without the test loss in every epoch: every position through every layer, logits at
  all positions, einsums, unfused AdamW with a schedule.
- With `--seeds N`: N batched replicas without evaluations, and the gain per replica over N runs one after another.
- With `--compiled`: our epoch without evaluations, with compiled gradients, which need a C++ compiler.

The cost of evaluations is given as a share of an epoch. It excludes the quantities of the last evaluation alone (all of
`symmetry` and `maps`).
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from grok.training.build import build
from grok.training.memory import keep_freed_memory
from grok.training.products import choose_products
from tests.benchmarks.arithmetic import operations, operations_per_second
from tests.conftest import composed

EVALUATE_EVERY = 100
ALL_MEASURES = "measure=[weight_norm,circuit,ring_coordinates,weight_sketch,maps,symmetry,anomaly]"
OURS, EVALUATED = "our epoch", "our epoch, evaluated every 100"
EVALUATED_BY_ALL = f"{EVALUATED}, all measures"

Way = tuple[Callable[[], None], int]  # work, and the number of epochs in it


class Reference(nn.Module):
    """The one-layer transformer in the code of Nanda et al."""

    def __init__(self, p: int, width: int = 128, heads: int = 4, d_mlp: int = 512) -> None:
        super().__init__()
        size = width // heads

        def normal(*shape: int, std: float = width**-0.5) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape) * std)

        self.embed, self.positions = normal(width, p + 1), normal(3, width)
        self.keys, self.queries, self.values = (normal(heads, size, width) for _ in range(3))
        self.outputs, self.into, self.out = normal(width, width), normal(d_mlp, width), normal(width, d_mlp)
        self.into_bias, self.out_bias = nn.Parameter(torch.zeros(d_mlp)), nn.Parameter(torch.zeros(width))
        self.unembed = normal(width, p + 1, std=(p + 1) ** -0.5)
        self.mask = torch.tril(torch.ones(3, 3))

    def forward(self, tokens: Tensor) -> Tensor:
        x = torch.einsum("dbp->bpd", self.embed[:, tokens]) + self.positions
        k, q, v = (torch.einsum("ihd,bpd->biph", weight, x) for weight in (self.keys, self.queries, self.values))
        scores = torch.einsum("biph,biqh->biqp", k, q)
        masked = torch.tril(scores) - 1e10 * (1 - self.mask)
        pattern = torch.softmax(masked / math.sqrt(k.shape[-1]), -1)
        z = torch.einsum("biph,biqp->biqh", v, pattern).transpose(1, 2).flatten(2)
        x = x + torch.einsum("df,bqf->bqd", self.outputs, z)
        neurons = torch.relu(torch.einsum("md,bpd->bpm", self.into, x) + self.into_bias)
        x = x + torch.einsum("dm,bpm->bpd", self.out, neurons) + self.out_bias
        return x @ self.unembed


def reference(
    p: int, pairs: Tensor, labels: Tensor, train: Tensor, test: Tensor, *, with_test_loss: bool
) -> Callable[[], None]:
    """One epoch as in the reference code, on the device of the data."""
    with pairs.device:
        model, equals = Reference(p), torch.full((len(pairs), 1), p)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / 10, 1))
    tokens = torch.cat([pairs, equals], 1)

    def loss(indices: Tensor) -> Tensor:
        logits = model(tokens[indices])[:, -1, :-1]
        return -logits.double().log_softmax(-1).gather(-1, labels[indices, None]).mean()

    def epoch() -> None:
        train_loss = loss(train)
        if with_test_loss:
            loss(test)  # with its graph, as in the reference
        train_loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()

    return epoch


def ours(
    p: int,
    *overrides: str,
    evaluated: bool,
    device: torch.device,
    seeds: int = 1,
    precision: str = "float32",
    compiled: bool = False,
) -> tuple[Way, tuple[Tensor, ...]]:
    """`EVALUATE_EVERY` of our epochs with `seeds` replicas, and the data of the first replica."""
    configs = [composed("task=modular_addition", f"task.p={p}", *overrides, f"seed={seed}") for seed in range(seeds)]
    module, (data, *_) = build(configs)
    module.to(device)
    module.on_fit_start()
    if compiled:
        with choose_products("auto", precision, device).active():
            module.compile_gradients(device)
    optimizer = module.configure_optimizers()

    def epochs() -> None:
        with choose_products("auto", precision, device).active():
            for _ in range(EVALUATE_EVERY):
                module.train_step(optimizer)
            if evaluated:
                module.evaluate()

    tensors = (data.train.inputs, data.train.targets, data.train.indices, data.test.indices)
    return (epochs, EVALUATE_EVERY), tuple(each.to(device) for each in tensors)


def all_ways(options: argparse.Namespace) -> dict[str, Way]:
    """The ways to compare, by name."""
    p, device = options.p, options.device
    evaluated, data = ours(p, evaluated=True, device=device)
    ways = {
        EVALUATED: evaluated,
        EVALUATED_BY_ALL: ours(p, ALL_MEASURES, evaluated=True, device=device)[0],
        OURS: ours(p, evaluated=False, device=device)[0],
        f"{EVALUATED}, precision=bfloat16": ours(p, evaluated=True, device=device, precision="bfloat16")[0],
        "the reference's epoch": (reference(p, *data, with_test_loss=True), 1),
        "the reference's epoch without test loss": (reference(p, *data, with_test_loss=False), 1),
    }
    if options.compiled:
        ways[f"{OURS}, compiled"] = ours(p, evaluated=False, device=device, compiled=True)[0]
    if options.seeds > 1:
        ways[batched_name(options.seeds)] = ours(p, evaluated=False, device=device, seeds=options.seeds)[0]
    return ways


def batched_name(n: int) -> str:
    return f"{n} batched seeds"


def seconds_per_epoch(way: Way, device: torch.device) -> float:
    """Wall time per epoch, until the device has finished the work."""
    work, epochs = way
    synchronize = torch.get_device_module(device).synchronize
    synchronize()
    start = time.perf_counter()
    work()
    synchronize()
    return (time.perf_counter() - start) / epochs


def comparison(times: list[dict[str, float]], title: str) -> Table:
    """The time of an epoch in each way, and its ratio to ours."""
    table = Table(title=title)
    for column in ("way", "ms per epoch", "times ours"):
        table.add_column(column, justify="right")
    for name in times[0]:
        milliseconds = 1e3 * statistics.median(each[name] for each in times)
        table.add_row(name, f"{milliseconds:.1f}", quartiles([each[name] / each[EVALUATED] for each in times]))
    return table


def evaluation_share(times: list[dict[str, float]]) -> Table:
    """The share of an epoch that its part of the evaluations takes, by measures."""
    table = Table(title="share of an epoch, %")
    for column in ("evaluation every 100 epochs", "%"):
        table.add_column(column, justify="right")
    for measures, name in (("the task's default measures", EVALUATED), ("all measures", EVALUATED_BY_ALL)):
        table.add_row(measures, quartiles([100 * (1 - each[OURS] / each[name]) for each in times]))
    return table


def batching_gain(times: list[dict[str, float]], n: int) -> Table:
    """Epochs per second of one replica alone and of n batched replicas, and the gain per replica."""
    batched = batched_name(n)
    table = Table(title="without evaluations: epochs per second")
    for column in ("alone", batched, "gain per replica"):
        table.add_column(column, justify="right")
    rates = [statistics.median(1 / each[name] for each in times) for name in (OURS, batched)]
    gain = quartiles([n * each[OURS] / each[batched] for each in times])
    table.add_row(*[f"{rate:.1f}" for rate in rates], gain)
    return table


def quartiles(values: list[float]) -> str:
    """The median, with the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f} – {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--p", type=int, default=113)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    ways = all_ways(options)
    for work, _ in ways.values():
        work()  # warm up
    times, rates = [], []
    for _ in range(options.rounds):
        times.append({name: seconds_per_epoch(way, options.device) for name, way in ways.items()})
        with choose_products("auto", "float32", options.device).active():
            rates.append(operations_per_second(options.device))
    title = f"modular addition, p = {options.p}: medians of {options.rounds} rounds, with quartiles"
    Console().print(comparison(times, title))
    Console().print(evaluation_share(times))
    work, epochs = ways[OURS]
    count = operations(work) / epochs
    ratios = [each[OURS] * rate / count for each, rate in zip(times, rates, strict=True)]
    print(f"our epoch: {count / 1e9:.2f} GFLOP; large products: {statistics.median(rates) / 1e9:.0f} GFLOP/s")
    print(f"our epoch / its products at this rate (the arithmetic limit): {quartiles(ratios)}")
    if options.seeds > 1:
        Console().print(batching_gain(times, options.seeds))


if __name__ == "__main__":
    main()
