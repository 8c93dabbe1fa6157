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
