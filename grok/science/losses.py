"""Loss and correctness of each example. All functions keep the leading axes, such as (replica, example)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


def squared_error(
    outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch out"]
) -> Float[Tensor, "*batch"]:
    """Squared error of each example, averaged over the outputs."""
    return (outputs - targets).square().mean(-1)


def one_hot_squared_error(
    outputs: Float[Tensor, "*batch classes"], labels: Int[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Squared error of each example with its one-hot label as target, averaged over the classes."""
    return squared_error(outputs, functional.one_hot(labels, outputs.shape[-1]).to(outputs.dtype))


def cross_entropy(
    outputs: Float[Tensor, "*batch classes"], labels: Int[Tensor, "*batch"], *, precision: torch.dtype | None = None
) -> Float[Tensor, "*batch"]:
    """Cross-entropy of each example in nats, computed in `precision` (None: the precision of the outputs)."""
    return -torch.log_softmax(outputs, -1, dtype=precision).gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def is_argmax(outputs: Float[Tensor, "*batch classes"], labels: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
    """Whether the label has the largest output, for each example."""
    return outputs.argmax(-1) == labels


def binary_cross_entropy(logits: Float[Tensor, "*batch 1"], labels: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Binary cross-entropy of each example in nats; the one output is the logit of label 1."""
    targets = labels.to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits.squeeze(-1), targets, reduction="none")


def is_correct_sign(logits: Float[Tensor, "*batch 1"], labels: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
    """Whether the logit of each example is positive for label 1, and not positive for label 0."""
    return (logits.squeeze(-1) > 0) == (labels == 1)


def first_is_nearest(
    outputs: Float[Tensor, "*batch out"], templates: Float[Tensor, "*batch template out"]
) -> Bool[Tensor, "*batch"]:
    """Whether the first template of each example is the nearest one to the outputs."""
    return (outputs.unsqueeze(-2) - templates).square().sum(-1).argmin(-1) == 0
