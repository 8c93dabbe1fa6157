"""What the measures of modular addition read from a snapshot: the transformer, all pairs, their residues and logits."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.checks import UserError
from grok.measures.snapshot import Evaluation, Snapshot
from grok.models.model import Model
from grok.models.transformer import Transformer
from grok.science.modular.symmetricity import by_sum_and_difference
from grok.tasks.modular_addition import ModularAddition
from grok.tasks.task import Task
from grok.tasks.toy_addition import ToyAddition

OPERATIONS = ("add", "subtract")
# The largest p. The logits of all pairs and what is computed from them take 28 p³ bytes per replica: 6 GB at p = 599.
MAX_P = 599


def validate_addition(task: Task, model: Model) -> None:
    """Require a transformer that adds or subtracts modulo an odd p.

    Raises:
        UserError: another model or operation, an even p, or a p whose logits of all pairs would not fit into memory.
    """
    adds = isinstance(task, ModularAddition) and task.operation in OPERATIONS and task.p % 2 == 1 and task.p <= MAX_P
    if not isinstance(model, Transformer) or not adds:
        raise UserError(
            f"reads a transformer that adds or subtracts modulo an odd p up to {MAX_P}, not {type(model).__name__} "
            f"on {name_of_task(task)}; choose measure=weight_norm"
        )


def name_of_task(task: Task) -> str:
    """The task in an error message: its operation and p if it has these."""
    if isinstance(task, ModularAddition | ToyAddition):
        return f"{task.operation} with p={task.p}"
    return type(task).__name__


def transformer(snapshot: Snapshot) -> Transformer:
    """The snapshot's model."""
    assert isinstance(snapshot.model, Transformer), "validated before training"
    return snapshot.model


def residues(snapshot: Snapshot) -> Int[Tensor, " pair"]:
    """The true result of each pair: a + b or a − b modulo p, at index a · p + b."""
    _, results = snapshot.task.full_table()  # type: ignore[attr-defined]
    on_device: Tensor = results.to(snapshot.train.indices.device)
    return on_device


def all_pairs(snapshot: Snapshot) -> Int[Tensor, "replica pair 2"]:
    """All pairs in order, as the inputs of every replica."""
    pairs, _ = snapshot.task.full_table()  # type: ignore[attr-defined]
    inputs: Tensor = pairs.to(snapshot.train.indices.device).expand(len(snapshot.train.indices), -1, -1)
    return inputs


def pair_indices(snapshot: Snapshot, part: Evaluation) -> Int[Tensor, "replica example"]:
    """The index a · p + b of each example's pair.

    Replicas with different labels have concatenated tables, so their indices can exceed the number of pairs.
    """
    return part.indices % (snapshot.train.indices.shape[1] + snapshot.test.indices.shape[1])


def logits_of_all_pairs(snapshot: Snapshot) -> Float[Tensor, "replica pair class"]:
    """The logits of all pairs in order, assembled from those of training and test examples."""
    outputs = torch.cat([class_logits(snapshot, part) for part in (snapshot.train, snapshot.test)], 1)
    indices = torch.cat([pair_indices(snapshot, snapshot.train), pair_indices(snapshot, snapshot.test)], 1)
    return torch.empty_like(outputs).scatter_(1, indices.unsqueeze(-1).expand_as(outputs), outputs)


def class_logits(snapshot: Snapshot, part: Evaluation) -> Float[Tensor, "replica example class"]:
    """The logits of the p classes, without that of "="; only for measures with `needs_outputs`."""
    assert part.outputs is not None, "the measure must set needs_outputs"
    return part.outputs[..., : snapshot.task.p]  # type: ignore[attr-defined]


def logits_by_answer(snapshot: Snapshot, correct: Float[Tensor, "replica pair"]) -> Float[Tensor, "replica p p"]:
    """The correct logits of all pairs at [answer, distance].

    For addition the answer is a + b and the distance a − b; for subtraction the reverse.
    """
    table = by_sum_and_difference(correct)
    return table if snapshot.task.operation == "add" else table.mT  # type: ignore[attr-defined]
