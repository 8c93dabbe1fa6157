"""Loss and correctness of each example. Leading axes (replica, example) pass through untouched."""

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
    """Squared error of each example against its one-hot label, averaged over the classes."""
    return squared_error(outputs, functional.one_hot(labels, outputs.shape[-1]).to(outputs.dtype))


def cross_entropy(
    outputs: Float[Tensor, "*batch classes"], labels: Int[Tensor, "*batch"], *, precision: torch.dtype | None = None
) -> Float[Tensor, "*batch"]:
    """Cross-entropy of each example in nats, computed in this precision (None: that of the outputs)."""
    return -torch.log_softmax(outputs, -1, dtype=precision).gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def is_argmax(outputs: Float[Tensor, "*batch classes"], labels: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
    """Whether the largest output of each example is that of its label."""
    return outputs.argmax(-1) == labels


def binary_cross_entropy(logits: Float[Tensor, "*batch 1"], labels: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Cross-entropy of each example in nats, where the logistic function of its one output is the probability of the
    label 1."""
    targets = labels.to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits.squeeze(-1), targets, reduction="none")


def is_sign(logits: Float[Tensor, "*batch 1"], labels: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
    """Whether the one output of each example is above 0 where its label is 1, and not where it is 0."""
    return (logits.squeeze(-1) > 0) == (labels == 1)


def is_nearest(
    outputs: Float[Tensor, "*batch out"], templates: Float[Tensor, "*batch template out"]
) -> Bool[Tensor, "*batch"]:
    """Whether of each example's templates the first one is the nearest to the outputs."""
    return (outputs.unsqueeze(-2) - templates).square().sum(-1).argmin(-1) == 0
