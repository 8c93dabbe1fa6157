"""How fast an epoch of modular addition is:

    python -m tests.benchmarks.modular_addition [--rounds 10] [--p 113] [--device cuda] [--seeds 64] [--compiled]

In turn, in one process: our epochs with their looks (every 100 epochs, the task's own measures), the same with all
measures of modular addition, ours without looks, and the way of the reference: every position through every layer,
logits at all of them, einsums, unfused AdamW with a schedule, and the test loss in every epoch; and the same without
the test loss. All in float32 with the loss in float64; ours also with products that the device may round
(`precision=bfloat16`). Ratios count. What looks take is told as a share of an epoch that has its part in them, without
what is made once, at the last look (all of `symmetry` and `maps`).
With `--seeds N`, N replicas side by side as well, without looks, and what each gains over N runs one after the other.
With `--compiled`, our epoch without looks also with the model compiled by torch, which wants a C++ compiler.
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
from grok.training.fit import products
from grok.training.memory import keep_freed_memory
from tests.conftest import composed

LOOK_EVERY = 100
EVERY = "measure=[performance,weight_norm,circuit,ring_coordinates,weight_sketch,maps,symmetry,anomaly]"
OURS, LOOKED_AT = "our epoch", "our epoch, a look every 100"
ALL = f"{LOOKED_AT}, all measures"


class Reference(nn.Module):
    """Nanda et al.'s transformer as their code computes it, one layer."""

    def __init__(self, p: int, width: int = 128, heads: int = 4, d_mlp: int = 512) -> None:
        super().__init__()
        size = width // heads

        def normal(*shape: int, deviation: float = width**-0.5) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape) * deviation)

        self.embed, self.positions = normal(width, p + 1), normal(3, width)
        self.keys, self.queries, self.values = (normal(heads, size, width) for _ in range(3))
        self.outputs, self.into, self.out = normal(width, width), normal(d_mlp, width), normal(width, d_mlp)
        self.into_bias, self.out_bias = nn.Parameter(torch.zeros(d_mlp)), nn.Parameter(torch.zeros(width))
        self.unembed = normal(width, p + 1, deviation=(p + 1) ** -0.5)
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
    p: int, pairs: Tensor, labels: Tensor, train: Tensor, test: Tensor, *, tested: bool
) -> Callable[[], None]:
    """One epoch of the reference's way, on the device of the data."""
    with pairs.device:
        model, equals = Reference(p), torch.full((len(pairs), 1), p)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / 10, 1))
    tokens = torch.cat([pairs, equals], 1)

    def loss(rows: Tensor) -> Tensor:
        logits = model(tokens[rows])[:, -1, :-1]
        return -logits.double().log_softmax(-1).gather(-1, labels[rows, None]).mean()

    def epoch() -> None:
        on_train = loss(train)
        if tested:
            loss(test)  # with its graph, as the reference has it
        on_train.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()

    return epoch


def ours(
    p: int,
    *given: str,
    looks: bool,
    device: torch.device,
    seeds: int = 1,
    precision: str = "float32",
    compiled: bool = False,
) -> tuple[Callable[[], None], tuple[Tensor, ...]]:
    """`LOOK_EVERY` of our epochs with so many replicas, and the data that the first of them trains on."""
    configs = [composed("task=modular_addition", f"task.p={p}", *given, f"seed={seed}") for seed in range(seeds)]
    training, (data, *_) = build(configs)
    training.to(device)
    training.on_fit_start()
    optimizer = training.configure_optimizers()
    if compiled:
        training.model.compile()

    def epochs() -> None:
        with products(precision, device):
            for _ in range(LOOK_EVERY):
                training.take_step(optimizer)
            if looks:
                training.look()

    tables = (data.train.inputs, data.train.targets, data.train.rows, data.test.rows)
    return epochs, tuple(each.to(device) for each in tables)


def seconds(work: Callable[[], None], *, epochs: int, device: torch.device) -> float:
    """Wall time of an epoch, until the device has done it."""
    synchronize = torch.get_device_module(device).synchronize
    synchronize()
    begun = time.perf_counter()
    work()
    synchronize()
    return (time.perf_counter() - begun) / epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--p", type=int, default=113)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--compiled", action="store_true")
    given = parser.parse_args()
    keep_freed_memory()
    with_looks, data = ours(given.p, looks=True, device=given.device)
    with_all, _ = ours(given.p, EVERY, looks=True, device=given.device)
    without, _ = ours(given.p, looks=False, device=given.device)
    rounded, _ = ours(given.p, looks=True, device=given.device, precision="bfloat16")
    ways = {
        LOOKED_AT: (with_looks, LOOK_EVERY),
        ALL: (with_all, LOOK_EVERY),
        OURS: (without, LOOK_EVERY),
        f"{LOOKED_AT}, precision=bfloat16": (rounded, LOOK_EVERY),
        "the reference's way": (reference(given.p, *data, tested=True), 1),
        "the reference's way without test loss": (reference(given.p, *data, tested=False), 1),
    }
    if given.compiled:
        ways[f"{OURS}, compiled"] = ours(given.p, looks=False, device=given.device, compiled=True)[0], LOOK_EVERY
    together = f"{given.seeds} seeds side by side"
    if given.seeds > 1:
        ways[together] = ours(given.p, looks=False, device=given.device, seeds=given.seeds)[0], LOOK_EVERY
    for work, _ in ways.values():
        work()
    times = [
        {name: seconds(work, epochs=epochs, device=given.device) for name, (work, epochs) in ways.items()}
        for _ in range(given.rounds)
    ]
    table = Table(title=f"modular addition, p = {given.p}: medians of {given.rounds} rounds, with quartiles")
    for column in ("way", "ms an epoch", "times ours"):
        table.add_column(column, justify="right")
    for name in ways:
        milliseconds = 1e3 * statistics.median(each[name] for each in times)
        table.add_row(name, f"{milliseconds:.1f}", quartiles([each[name] / each[LOOKED_AT] for each in times]))
    Console().print(table)
    Console().print(looks(times))
    if given.seeds > 1:
        Console().print(side_by_side(given.seeds, times, together))


def looks(times: list[dict[str, float]]) -> Table:
    """What looks take of an epoch that has its part in them, by the measures that are made."""
    table = Table(title="share of an epoch, %")
    for column in ("looks, every 100 epochs", "%"):
        table.add_column(column, justify="right")
    for measures, name in (("the task's own measures", LOOKED_AT), ("all measures", ALL)):
        table.add_row(measures, quartiles([100 * (1 - each[OURS] / each[name]) for each in times]))
    return table


def quartiles(values: list[float]) -> str:
    """The median, with the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f} – {high:.2f})"


def side_by_side(n: int, times: list[dict[str, float]], together: str) -> Table:
    """Epochs a second of one replica alone and of each of n together, and of all n by those of one alone."""
    table = Table(title="without looks: epochs a second")
    for column in ("alone", together, "gain per replica"):
        table.add_column(column, justify="right")
    alone, each = (statistics.median(1 / one[name] for one in times) for name in (OURS, together))
    table.add_row(f"{alone:.1f}", f"{each:.1f}", quartiles([n * one[OURS] / one[together] for one in times]))
    return table


if __name__ == "__main__":
    main()
