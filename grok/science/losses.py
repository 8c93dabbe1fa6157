"""Loss and correctness of each example or token, and their mean. Leading axes, such as (replica, example), stay."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional


def mean_loss(
    values: Shaped[Tensor, "replica example *token"],
    mask: Bool[Tensor, "replica example *token"] | None,
    weights: Float[Tensor, "replica example"] | None = None,
) -> Float[Tensor, " replica"]:
    """Each replica's mean over its examples, or over their tokens; 0 if none counts.

    `mask` is true for the examples or tokens that count (None: all), `weights` are those of the examples (None: equal).
    """
    if mask is None and weights is None:
        return values.flatten(1).mean(1)
    weight = loss_weights(values, mask, weights)
    total = weight.flatten(1).sum(1)
    return (values.where(weight > 0, 0) * weight).flatten(1).sum(1) / total.where(total > 0, 1)


def loss_weights(
    values: Shaped[Tensor, "replica example *token"],
    mask: Bool[Tensor, "replica example *token"] | None,
    weights: Float[Tensor, "replica example"] | None,
) -> Float[Tensor, "replica example *token"]:
    """The weight of each example or token in the mean of `mean_loss`, not normalized."""
    weight = torch.ones_like(values) if mask is None else mask.to(values.dtype)
    return weight if weights is None else weight * weights.view(*weights.shape, *[1] * (values.dim() - 2))


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


def kl_divergence(
    outputs: Float[Tensor, "*batch classes"], reference: Float[Tensor, "*batch classes"]
) -> Float[Tensor, "*batch"]:
    """KL(p ‖ q) of each example in nats: p is the softmax of the outputs, q the reference's probabilities."""
    log_p = torch.log_softmax(outputs, -1)
    return (log_p.exp() * (log_p - reference.log())).sum(-1)


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
