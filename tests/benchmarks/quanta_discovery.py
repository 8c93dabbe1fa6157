"""Speed of the gradient similarities in quanta discovery: each gradient once, or again for each pair of blocks.

    python -m tests.benchmarks.quanta_discovery [--rounds 3] [--rows 2] [--samples 2000] [--device cuda]

It times these ways alternately in one process, on the paper's network for sparse parity (600 inputs, width 500):

- our exact gradient products in float64 and in float32;
- the reference's way: gradients in blocks of 250, computed anew for each pair of blocks. Here torch.func computes them;
  the reference computes one sample after another.

For the last way, `--rows` rows of blocks are timed, and the time is scaled to all pairs of blocks. For 2,000 samples,
8 rows are all.
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
from torch.func import grad, vmap
from torch.nn import functional

from grok.measures.quanta_samples import BLOCK, network_weights
from grok.science.numerics.packed_bits import unpack_bits
from grok.science.quanta.discovery import angular_similarity
from grok.science.quanta.gradient_gram import linear_gram
from grok.science.quanta.parity_gradients import TwoLayerWeights, gradient_layers
from grok.training.build import build
from tests.conftest import composed

SIZES = ("task.n_subtasks=500", "task.n_bits=100", "model.width=500", "batch_size=20000")
REFERENCE_BLOCK = 250  # samples per block in the reference
OURS, BY_PAIRS = "ours, exact, float64", "each pair of blocks"

Samples = tuple[Tensor, Tensor]  # control bits and task bits, and targets


def dense_loss(parameters: dict[str, Tensor], inputs: Tensor, target: Tensor) -> Tensor:
    """The loss of one sample, by dense layers over all 600 inputs."""
    hidden = functional.linear(inputs, parameters["weight"], parameters["bias"]).relu()
    return functional.cross_entropy(functional.linear(hidden, parameters["out"], parameters["out_bias"]), target)


def dense(network: TwoLayerWeights) -> dict[str, Tensor]:
    """The same weights in the layout of torch.nn.Linear, in float32."""
    weight = torch.cat([network.control, network.weight]).T
    parameters = {"weight": weight, "bias": network.bias[0], "out": network.out.T, "out_bias": network.out_bias[0]}
    return {name: each.float().contiguous() for name, each in parameters.items()}


def exact(network: TwoLayerWeights, subtasks: Tensor, bits: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Our similarities, for this network."""
    weights = TwoLayerWeights(*(each.to(dtype) for each in network))

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, labels, reduction="none")

    layers = gradient_layers(weights, subtasks, bits.to(dtype), targets, loss)
    return angular_similarity(linear_gram(layers, block=BLOCK))


def by_pairs(parameters: dict[str, Tensor], samples: Samples, *, rows: int) -> Tensor:
    """The first `rows` rows of blocks, and their mirror images, in the reference's way; NaN in all other blocks."""
    n = len(samples[0])
    cosines = samples[0].new_full((n, n), torch.nan)
    blocks = [slice(start, start + REFERENCE_BLOCK) for start in range(0, n, REFERENCE_BLOCK)]

    def directions(block: slice) -> Tensor:
        part = [each[block] for each in samples]
        gradients = vmap(grad(dense_loss), in_dims=(None, 0, 0))(parameters, *part)
        return functional.normalize(torch.cat([each.flatten(1) for each in gradients.values()], 1))

    for number, row in enumerate(blocks[:rows]):
        first = directions(row)
        for column in blocks[number:]:
            products = first @ directions(column).T
            cosines[row, column], cosines[column, row] = products, products.T
    return 1 - cosines.clamp(-1, 1).arccos() / torch.pi


def timed(work: Callable[[], Tensor], device: torch.device) -> tuple[float, Tensor]:
    """Seconds until the device has finished the work, and its result."""
    synchronize = torch.get_device_module(device).synchronize
    synchronize()
    start = time.perf_counter()
    result = work()
    synchronize()
    return time.perf_counter() - start, result


def all_ways(n_samples: int, rows: int, device: torch.device) -> dict[str, Callable[[], Tensor]]:
    """The ways to compare, by name, on one network and its samples."""
    module, (data,) = build([composed("task=sparse_parity", *SIZES)])
    module.to(device)
    network = network_weights(module.model, 0)
    inputs, targets = (each.to(device) for each in data.sample(n_samples, torch.Generator().manual_seed(0)))
    subtasks, bits = inputs[:, 0], unpack_bits(inputs[:, 1:], 100, torch.float32)
    samples = torch.cat([functional.one_hot(subtasks, 500).float(), bits], 1), targets
    parameters = dense(network)
    return {
        OURS: lambda: exact(network, subtasks, bits, targets, torch.float64),
        "ours, exact, float32": lambda: exact(network, subtasks, bits, targets, torch.float32),
        BY_PAIRS: lambda: by_pairs(parameters, samples, rows=rows),
    }


def comparison(times: dict[str, list[float]], results: dict[str, Tensor], title: str) -> Table:
    """The time of each way, its ratio to that of pairs of blocks, and the largest difference from their result."""
    reference = results[BY_PAIRS]
    is_diagonal = torch.eye(len(reference), dtype=torch.bool, device=reference.device)  # exactly 1 in our ways
    is_compared = ~reference.isnan() & ~is_diagonal
    table = Table("way", "seconds", "times faster than pairs of blocks", "largest difference", title=title)
    for name, seconds in times.items():
        ratio = statistics.median(slow / fast for slow, fast in zip(times[BY_PAIRS], seconds, strict=True))
        difference = (results[name].to(reference) - reference)[is_compared].abs().max().item()
        table.add_row(name, f"{statistics.median(seconds):.2f}", f"{ratio:.1f}", f"{difference:.1e}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rounds", 3), ("rows", 2), ("samples", 2000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    n_blocks = -(-options.samples // REFERENCE_BLOCK)
    rows = min(options.rows, n_blocks)
    share = sum(range(n_blocks - rows + 1, n_blocks + 1)) / (n_blocks * (n_blocks + 1) / 2)
    ways = all_ways(options.samples, rows, options.device)
    ways[OURS]()  # warm up
    times: dict[str, list[float]] = {name: [] for name in ways}
    results = {}
    for _ in range(options.rounds):
        for name, work in ways.items():
            seconds, results[name] = timed(work, options.device)
            times[name].append(seconds / (share if name == BY_PAIRS else 1))
    title = (
        f"{options.samples:,} samples, 301,502 parameters, {torch.get_num_threads()} threads: medians of "
        f"{options.rounds} rounds; {share:.0%} of the pairs of blocks were timed"
    )
    Console().print(comparison(times, results, title))
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
