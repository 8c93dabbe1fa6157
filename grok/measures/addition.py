"""What the measures of modular addition read of a look: the transformer, all pairs in their order, the answers."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grok.checks import UserError
from grok.measures.look import Evaluation, Look
from grok.models.transformer import Transformer
from grok.science.symmetricity import by_sum_and_difference
from grok.tasks.task import Task

OPERATIONS = ("add", "subtract")
LARGEST = 599  # the largest p: the logits of all pairs and what is made of them take 28 p³ bytes a replica, 6 GB there


def adds_by_transformer(task: Task, model: nn.Module) -> None:
    """Refuse what has no such circuit to be read.

    Raises:
        UserError: the model is no transformer, the task's operation neither adds nor subtracts modulo an odd number, or
            that is so large that the logits of all pairs fill a memory.
    """
    operation, p = getattr(task, "operation", type(task).__name__), getattr(task, "p", 0)
    if not isinstance(model, Transformer) or operation not in OPERATIONS or p % 2 == 0 or p > LARGEST:
        raise UserError(
            f"reads a transformer that adds or subtracts modulo an odd p up to {LARGEST}, not {type(model).__name__} "
            f"on {operation} with p={p}; measure=[performance,weight_norm] does without"
        )


def transformer(look: Look) -> Transformer:
    """The look's model, which has neurons, heads and an embedding to be read."""
    assert isinstance(look.model, Transformer), "checked before training"
    return look.model


def residues(look: Look) -> Int[Tensor, " pair"]:
    """The residue through which each pair (row a · p + b) is read, which is its result: a + b, or a − b."""
    _, results = look.task.truth()  # type: ignore[attr-defined]
    found: Tensor = results.to(look.train.rows.device)
    return found


def all_pairs(look: Look) -> Int[Tensor, "replica pair 2"]:
    """All pairs in their order, as the inputs of every replica."""
    pairs, _ = look.task.truth()  # type: ignore[attr-defined]
    inputs: Tensor = pairs.to(look.train.rows.device).expand(len(look.train.rows), -1, -1)
    return inputs


def pair_numbers(look: Look, part: Evaluation) -> Int[Tensor, "replica example"]:
    """The number of each example's pair in the table: tables of replicas' own, laid end to end, have rows beyond."""
    return part.rows % (look.train.rows.shape[1] + look.test.rows.shape[1])


def on_all_pairs(look: Look) -> Float[Tensor, "replica pair class"]:
    """The outputs for all pairs in their order, from those for training and test examples."""
    outputs = torch.cat([outputs_of(look.train), outputs_of(look.test)], 1)
    rows = torch.cat([pair_numbers(look, look.train), pair_numbers(look, look.test)], 1)
    return torch.empty_like(outputs).scatter_(1, rows.unsqueeze(-1).expand_as(outputs), outputs)


def outputs_of(evaluation: Evaluation) -> Float[Tensor, "replica example class"]:
    """The outputs that an evaluation keeps for measures that need them."""
    assert evaluation.outputs is not None, "a measure that needs outputs says so"
    return evaluation.outputs


def by_answer(look: Look, correct: Float[Tensor, "replica pair"]) -> Float[Tensor, "replica p p"]:
    """The pairs' correct logits at [answer, distance]: of a + b and a − b the one is the answer, the other tells how
    far a and what is added to it are apart."""
    table = by_sum_and_difference(correct)
    return table if look.task.operation == "add" else table.mT  # type: ignore[attr-defined]
