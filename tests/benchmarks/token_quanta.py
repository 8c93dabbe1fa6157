"""Speed of quanta discovery on a decoder: gradients of single tokens versus torch.func, and the whole measure.

    python -m tests.benchmarks.token_quanta [--size s2] [--compared 256] [--rounds 3]
    python -m tests.benchmarks.token_quanta --size s4 --samples 10000 --clusters 400

The first times our gradients and those of torch.func (vmap of grad, on whole windows, in blocks of 4, 16 and 64, of
which the fastest counts) alternately in one process. The second times the measure with as many samples and clusters, by
parts, and prints the peak memory of the process. The network is untrained, with 2,048 tokens and a context of 128.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from rich.console import Console
from torch import Generator, Tensor
from torch.func import functional_call, grad, vmap

from grok.measures import token_quanta
from grok.measures.token_gradients import TokenNetwork
from grok.records.history import History
from grok.science.quanta.token_samples import TokenSamples
from grok.tasks.next_token import GeneratedSequences
from grok.training.build import build
from grok.training.module import ReplicaModule
from tests.conftest import composed
from tests.measures.snapshots import snapshot_of

N_TOKENS, LENGTH = 2048, 128
BLOCKS = (4, 16, 64)  # of torch.func


@dataclass(frozen=True, kw_only=True)
class RandomTokens(GeneratedSequences):
    """Sequences of random tokens."""

    rule = "random tokens"

    def sample(self, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        tokens = torch.randint(self.n_tokens, (n, self.length + 1), generator=generator)
        return tokens[:, :-1], tokens[:, 1:]


def module_of(size: str, n_windows: int, *measure: str) -> ReplicaModule:
    """An untrained network of this size, with its windows."""
    config = composed("task=language", f"size={size}", "measure=[token_quanta]", *measure)
    config["task"] = {
        "_target_": f"{__spec__.name}.RandomTokens",
        **{"n_tokens": N_TOKENS, "length": LENGTH, "n_train": None, "n_test": n_windows},
    }
    return build([config])[0]


def torch_func_gradients(network: TokenNetwork, samples: TokenSamples, block: int) -> Tensor:
    """The gradients of the samples on whole windows, flat."""

    def loss(weights: dict[str, Tensor], inputs: Tensor, position: Tensor, target: Tensor) -> Tensor:
        outputs = functional_call(network.model, {**network.parameters, **weights}, inputs[None, None])[0, 0]
        return network.task.example_loss(outputs[position.view(1)], target.view(1))[0]

    examples, positions = (torch.from_numpy(each) for each in samples)
    given = network.inputs[examples], positions, network.targets[examples, positions]
    per_sample = vmap(grad(loss), in_dims=(None, 0, 0, 0))
    rows = []
    for start in range(0, len(positions), block):
        gradients = per_sample(dict(network.weights), *[each[start : start + block] for each in given])
        rows.append(torch.cat([each.flatten(1) for each in gradients.values()], 1))
    return torch.cat(rows)


def compare(size: str, n: int, rounds: int) -> None:
    """Print the time per sample of both ways, and their ratio."""
    module = module_of(size, 64)
    task, streams = module.replicas[0]
    test = task.data(streams).test
    network = TokenNetwork.of_replica(module.model, task, 0, 1, test.inputs, test.targets)
    rng = np.random.default_rng(0)
    samples = TokenSamples(rng.integers(64, size=n), rng.integers(LENGTH // 2, LENGTH, size=n))
    ways: dict[str, Any] = {"ours": lambda: network.gradients(samples, None)}
    ways |= {
        f"torch.func, {block}": lambda block=block: torch_func_gradients(network, samples, block) for block in BLOCKS
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first one warms up
        norms = {}
        for name, work in ways.items():
            start = time.perf_counter()
            norms[name] = work().norm(dim=1)
            times[name].append((time.perf_counter() - start) / n)
        assert all(each.allclose(norms["ours"], rtol=1e-3) for each in norms.values())
    medians = {name: statistics.median(each[1:]) for name, each in times.items()}
    fastest = min(seconds for name, seconds in medians.items() if name != "ours")
    for name, seconds in medians.items():
        print(f"{size}: {name}: {seconds * 1e3:.2f} ms per sample")
    print(f"{size}: torch.func / ours: {fastest / medians['ours']:.1f}")


@contextmanager
def timed_parts(seconds: dict[str, float]) -> Iterator[None]:
    """Add the seconds of the measure's parts."""

    def timed(name: str, work: Any) -> Any:
        def called(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            result = work(*arguments, **options)
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
            return result

        return called

    names = (
        "learned_tokens",
        "gram",
        "angular_similarity",
        "laplacian_eigenmaps",
        "clusterings_of_maps",
        "loss_changes",
    )
    parts = [patch.object(token_quanta, name, timed(name, getattr(token_quanta, name))) for name in names]
    parts.append(patch.object(TokenNetwork, "gradients", timed("gradients", TokenNetwork.gradients)))
    for part in parts:
        part.start()
    try:
        yield
    finally:
        for part in parts:
            part.stop()


def measure(size: str, n_samples: int, n_clusters: int) -> None:
    """Print the seconds of the measure's parts and the peak memory."""
    counts = [n_clusters // 10, n_clusters // 4, n_clusters // 2, n_clusters]
    key = "measure.token_quanta"
    given = {"n_samples": n_samples, "n_clusters": n_clusters, "max_loss": 1e3, "cluster_counts": counts}
    given |= {"from_rank": n_clusters // 10, "to_rank": n_clusters}
    module = module_of(size, max(64, n_samples // 16), *(f"{key}.{name}={value}" for name, value in given.items()))
    seconds: dict[str, float] = {}
    with torch.no_grad(), timed_parts(seconds):
        snapshot = snapshot_of(module)
        start = time.perf_counter()
        found = module.measures[0].finalize(snapshot, History())
        total = time.perf_counter() - start
    assert found["quanta_samples"].values.item() == n_samples
    sketch = int(found["quanta_sketch_length"].values)
    Console().print(
        f"{size}, {n_samples:,} samples, {n_clusters} clusters, sketches of {sketch:,} (0: exact gradients)"
    )
    for name, value in {**seconds, "all": total}.items():
        print(f"  {name:22}{value:8.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  peak memory {peak:.2f} GB, {torch.get_num_threads()} threads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="s2")
    for name, default in (("compared", 256), ("rounds", 3), ("samples", 0), ("clusters", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    if options.samples:
        measure(options.size, options.samples, options.clusters)
    else:
        compare(options.size, options.compared, options.rounds)


if __name__ == "__main__":
    main()
