"""Snapshots for the tests of measures: of a module in its current state, or with planted logits."""

from dataclasses import replace

import torch
from torch import Tensor

from grok.measures.snapshot import Snapshot
from grok.training.module import ReplicaModule


def snapshot_of(module: ReplicaModule) -> Snapshot:
    """The replicas in their current state, with their outputs if a measure needs them."""
    with torch.no_grad():
        evaluations = {part: module.evaluate_on(dataset) for part, dataset in module.datasets.items()}
    return Snapshot(module.step, module.task, module.model, **evaluations, replicas=module.replicas)


def with_logits(snapshot: Snapshot, logits: Tensor) -> Snapshot:
    """The snapshot of a network that has these logits [pair, class]."""
    train, test = (replace(part, outputs=logits[part.indices]) for part in (snapshot.train, snapshot.test))
    return replace(snapshot, train=train, test=test)
