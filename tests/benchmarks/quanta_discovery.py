"""How fast the similarities of quanta discovery are: each sample's gradient once, or again for each pair of blocks.

    python -m tests.benchmarks.quanta_discovery [--rounds 3] [--rows 2] [--samples 2000] [--device cuda]

In turn, in one process, on the paper's network for sparse parity (600 inputs, width 500): our exact products, in double
and in single precision, our way for any loss, by sketches of the gradients, and the reference's: gradients in blocks of
250, computed anew for each pair of blocks, though by torch.func where the reference goes sample by sample. Of that,
`--rows` rows of blocks are timed, and their time scaled by pairs of blocks; 8 rows are all of 2,000 samples.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from grok.measures.quanta_samples import BLOCK, perceptron
from grok.science.gradient_gram import count_sketch, gram, linear_gram, per_sample_gradients
from grok.science.packed_bits import unpacked
from grok.science.parity_gradients import Perceptron, gradient_layers
from grok.science.quanta_discovery import angular_similarity
from grok.training.build import build
from tests.conftest import composed

SIZES = ("task.n_subtasks=500", "task.n_bits=100", "model.width=500", "batch_size=20000")
PAIRED = 250  # samples of a block, in the reference
SKETCHED = 100  # samples whose gradients are in memory before they are sketched, …
KEPT = 4096  # … and numbers that are kept of each

Samples = tuple[Tensor, Tensor]  # control bits and task bits, and targets


def dense_loss(parameters: dict[str, Tensor], inputs: Tensor, target: Tensor) -> Tensor:
    """The loss of one sample, all 600 inputs multiplied out."""
    hidden = functional.linear(inputs, parameters["weight"], parameters["bias"]).relu()
    return functional.cross_entropy(functional.linear(hidden, parameters["out"], parameters["out_bias"]), target)


def dense(network: Perceptron) -> dict[str, Tensor]:
    """The same weights as torch.nn.Linear has them, in single precision."""
    whole = torch.cat([network.control, network.weight]).T
    parts = {"weight": whole, "bias": network.bias[0], "out": network.out.T, "out_bias": network.out_bias[0]}
    return {name: each.float().contiguous() for name, each in parts.items()}


def exact(network: Perceptron, subtasks: Tensor, bits: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Our similarities on this network."""
    of_dtype = Perceptron(*(each.to(dtype) for each in network))

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, labels, reduction="none")

    layers = gradient_layers(of_dtype, subtasks, bits.to(dtype), targets, loss)
    return angular_similarity(linear_gram(layers, block=BLOCK))


def sketched(parameters: dict[str, Tensor], samples: Samples) -> Tensor:
    """Our similarities by any loss's gradients, each computed once."""
    n_parameters = sum(each.numel() for each in parameters.values())
    generator = torch.Generator(samples[0].device).manual_seed(0)
    sketch = count_sketch(n_parameters, n_kept=KEPT, generator=generator)
    return angular_similarity(
        gram(per_sample_gradients(dense_loss, parameters, samples, block=SKETCHED, sketch=sketch))
    )


def by_pairs(parameters: dict[str, Tensor], samples: Samples, *, rows: int) -> Tensor:
    """The first rows of blocks of the similarities in the reference's way; NaN elsewhere but for what mirrors them."""
    n = len(samples[0])
    cosines = samples[0].new_full((n, n), torch.nan)
    blocks = [slice(start, start + PAIRED) for start in range(0, n, PAIRED)]

    def directions(block: slice) -> Tensor:
        own = [each[block] for each in samples]
        return functional.normalize(per_sample_gradients(dense_loss, parameters, own, block=PAIRED, sketch=None))

    for number, row in enumerate(blocks[:rows]):
        first = directions(row)
        for column in blocks[number:]:
            products = first @ directions(column).T
            cosines[row, column], cosines[column, row] = products, products.T
    return 1 - cosines.clamp(-1, 1).arccos() / torch.pi


def seconds(work: Callable[[], Tensor], device: torch.device) -> tuple[float, Tensor]:
    """Wall time until the device has done it, and what it made."""
    synchronize = torch.get_device_module(device).synchronize
    synchronize()
    begun = time.perf_counter()
    made = work()
    synchronize()
    return time.perf_counter() - begun, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("rounds", 3), ("rows", 2), ("samples", 2000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    given = parser.parse_args()
    training, (data,) = build([composed("task=sparse_parity", *SIZES)])
    training.to(given.device)
    network = perceptron(training.model, 0)
    inputs, targets = (each.to(given.device) for each in data.fresh(given.samples, torch.Generator().manual_seed(0)))
    subtasks, bits = inputs[:, 0], unpacked(inputs[:, 1:], 100, torch.float32)
    samples = torch.cat([functional.one_hot(subtasks, 500).float(), bits], 1), targets
    parameters = dense(network)
    n_blocks = -(-given.samples // PAIRED)
    rows = min(given.rows, n_blocks)
    share = sum(range(n_blocks - rows + 1, n_blocks + 1)) / (n_blocks * (n_blocks + 1) / 2)
    ways: dict[str, Callable[[], Tensor]] = {
        "ours, exact, float64": lambda: exact(network, subtasks, bits, targets, torch.float64),
        "ours, exact, float32": lambda: exact(network, subtasks, bits, targets, torch.float32),
        f"ours, any loss, {KEPT:,} numbers a gradient": lambda: sketched(parameters, samples),
        "each pair of blocks": lambda: by_pairs(parameters, samples, rows=rows),
    }
    ways["ours, exact, float64"]()  # warm
    times: dict[str, list[float]] = {name: [] for name in ways}
    made = {}
    for _ in range(given.rounds):
        for name, work in ways.items():
            taken, made[name] = seconds(work, given.device)
            times[name].append(taken / (share if name == "each pair of blocks" else 1))
    slow = made["each pair of blocks"]
    known = ~slow.isnan() & ~torch.eye(given.samples, dtype=torch.bool, device=given.device)  # of itself: exactly 1
    title = (
        f"{given.samples:,} samples, 301,502 parameters, {torch.get_num_threads()} threads: medians of {given.rounds} "
        f"rounds; of the pairs of blocks {share:.0%} were timed"
    )
    table = Table("way", "seconds", "times faster than pairs of blocks", "largest difference from it", title=title)
    for name in ways:
        ratio = statistics.median(
            pairs / own for pairs, own in zip(times["each pair of blocks"], times[name], strict=True)
        )
        difference = (made[name].to(slow) - slow)[known].abs().max().item()
        table.add_row(name, f"{statistics.median(times[name]):.2f}", f"{ratio:.1f}", f"{difference:.1e}")
    Console().print(table)
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
