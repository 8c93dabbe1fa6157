"""Which cells train side by side, and how many at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import psutil
import torch

from grok.sweeps.cell import Cell
from grok.training.build import build, device_of
from grok.training.module import Training
from grok.training.side_by_side import batchable, shared_part

SHARE = 0.5  # of the free memory that replicas side by side may fill
COPIES = 8  # of a replica's weights: weights, gradients, two moments, what a step works on, a checkpoint in the making


def units_of(cells: Sequence[Cell], *, most: int | None) -> list[list[Cell]]:
    """The cells in groups that can train side by side, of at most so many cells, in the order of their first cells."""
    alike: dict[str, list[Cell]] = {}
    for cell in cells:
        alone = "" if batchable(cell.config) else str(cell.folder)
        alike.setdefault(alone + json.dumps(shared_part(cell.config), sort_keys=True), []).append(cell)
    return [part for group in alike.values() for part in _evenly(group, most or len(group))]


def chunks(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """The cells of a group in parts that fit into this machine's memory."""
    alone = len(cells) == 1  # then there is nothing to divide
    yield from _evenly(cells, 1 if alone else next((most for cell in cells if (most := _most(cell))), len(cells)))


def _most(cell: Cell) -> int:
    """How many cells such as this one fit; 0 where it cannot be built, which is told when it is to be trained."""
    try:
        one, _ = build([cell.config])
        two, _ = build([cell.config, {**cell.config, "seed": cell.config["seed"] + 1}])
    except Exception:
        return 0
    room = _free(device_of(cell.config)) * SHARE
    return max(1, int(room / (_bytes_per_replica(one) + _bytes_of_examples(two) - _bytes_of_examples(one))))


def _evenly(cells: Sequence[Cell], most: int) -> Iterator[list[Cell]]:
    """As few parts as do, as equal in size as can be."""
    parts = -(-len(cells) // most)
    size, longer = divmod(len(cells), parts)
    start = 0
    for part in range(parts):
        end = start + size + (part < longer)
        yield list(cells[start:end])
        start = end


def _bytes_per_replica(training: Training) -> int:
    """What one more replica takes while it trains, beside its examples: its weights with all that goes along, and twice
    what a step saves for the way back."""
    saved = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal saved
        saved += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        training.losses()
    weights = sum(parameter.numel() * parameter.element_size() for parameter in training.model.parameters())
    inputs, _ = training.feed.batch(0)
    return COPIES * weights + 2 * (saved + inputs.numel() * inputs.element_size())


def _bytes_of_examples(training: Training) -> int:
    """Of all tables, of the replicas' rows in them, and of an epoch's order of these."""
    each = [(table.inputs, table.targets, table.rows, table.rows) for table in training.tables.values()]
    return sum(tensor.numel() * tensor.element_size() for tensors in each for tensor in tensors)


def _free(device: torch.device) -> int:
    """Free memory in bytes, where the replicas will lie."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)
