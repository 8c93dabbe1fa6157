"""Which runs train together in a batch, and how many at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import torch

from grok.sweeps.run import Run
from grok.training.batching import can_batch, shared_config
from grok.training.build import build, select_device
from grok.training.free_memory import free_bytes
from grok.training.module import ReplicaModule

MAX_MEMORY_SHARE = 0.5  # the share of the free memory that a batch may fill
# Copies of a replica's weights in memory: 4 for weights, gradients and two moments; 4 for a step and a checkpoint.
WEIGHT_COPIES = 8


def group_into_batches(runs: Sequence[Run], *, max_runs: int | None) -> list[list[Run]]:
    """Batches of at most `max_runs` runs that can be batched, in the order of their first runs."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        alone = "" if can_batch(run.config) else str(run.folder)
        groups.setdefault(alone + json.dumps(shared_config(run.config), sort_keys=True), []).append(run)
    return [batch for group in groups.values() for batch in _split_evenly(group, max_runs or len(group))]


def split_to_fit_memory(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """The runs of a batch in parts that fit into this machine's memory."""
    if len(runs) == 1:
        yield list(runs)
        return
    yield from _split_evenly(runs, next((fitting for run in runs if (fitting := _max_runs(run))), len(runs)))


def _max_runs(run: Run) -> int:
    """How many runs such as this one fit into memory; 0 if it cannot be built, which is reported when it is trained."""
    try:
        added = _added_bytes(run, build([run.config])[0])
    except Exception:
        return 0
    return max(1, int(free_bytes(select_device(run.config)) * MAX_MEMORY_SHARE / added))


def estimated_bytes(runs: Sequence[Run]) -> int:
    """The memory in which a batch of runs trains.

    Raises:
        UserError: a run cannot be built.
    """
    first, n_added = runs[0], len(runs) - 1
    one = build([first.config])[0]
    added = n_added * _added_bytes(first, one) if n_added else 0
    return _bytes_of_examples(one) + _bytes_per_replica(one) + added


def _added_bytes(run: Run, one: ReplicaModule) -> int:
    """The memory of one more replica in a batch of such runs; `one` is the run alone."""
    two, _ = build([run.config, {**run.config, "seed": run.config["seed"] + 1}])
    return _bytes_of_examples(two) - _bytes_of_examples(one) + _bytes_per_replica(one)


def _split_evenly(runs: Sequence[Run], max_runs: int) -> Iterator[list[Run]]:
    """As few parts as possible, as equal in size as possible."""
    n_parts = -(-len(runs) // max_runs)
    size, n_longer = divmod(len(runs), n_parts)
    start = 0
    for part in range(n_parts):
        end = start + size + (part < n_longer)
        yield list(runs[start:end])
        start = end


def _bytes_per_replica(module: ReplicaModule) -> int:
    """The memory of one more replica in training, without its examples: copies of its weights, and twice what a step
    saves for the backward pass."""
    saved = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal saved
        saved += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        module.losses()
    weights = sum(parameter.numel() * parameter.element_size() for parameter in module.model.parameters())
    inputs, _ = module.batches.batch(0)
    copies = WEIGHT_COPIES + sum(transform.state_copies for transform in module.transforms.values())
    return copies * weights + 2 * (saved + inputs.numel() * inputs.element_size())


def _bytes_of_examples(module: ReplicaModule) -> int:
    """The memory of all examples, of the replicas' indices, and of the order of an epoch."""
    datasets = module.datasets.values()
    stored = {dataset.tensors for dataset in datasets}
    tensors = [tensor for each in stored for tensor in (each.inputs, each.targets)]
    tensors += [tensor for dataset in datasets for tensor in (dataset.indices, dataset.indices)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
