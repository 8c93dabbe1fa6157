"""Activations and gradients of a ReLU network with one hidden layer on sparse parity, and true clusters of samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.science.quanta.gradient_gram import LinearLayer, error_signals

TRUTHS = ("subtask", "subtask and parity", "subtask and its bits")


class TwoLayerWeights(NamedTuple):
    """Weights of one network: first-layer weights of the control symbols (`control`) and of the bits (`weight`)."""

    control: Float[Tensor, "subtask width"]
    weight: Float[Tensor, "bit width"]
    bias: Float[Tensor, "1 width"]
    out: Float[Tensor, "width 2"]
    out_bias: Float[Tensor, "1 2"]


class Activations(NamedTuple):
    """Activations of the network for n samples, layer by layer."""

    before: Float[Tensor, "n width"]  # before the ReLU
    hidden: Float[Tensor, "n width"]
    outputs: Float[Tensor, "n 2"]


def forward(network: TwoLayerWeights, subtasks: Int[Tensor, " n"], bits: Float[Tensor, "n bit"]) -> Activations:
    """Activations of all layers. If gradients are enabled, the graph starts before the ReLU."""
    before = (network.control[subtasks] + network.bias + bits @ network.weight).requires_grad_()
    hidden = before.relu()
    return Activations(before, hidden, hidden @ network.out + network.out_bias)


@torch.enable_grad()
def gradient_layers(
    network: TwoLayerWeights,
    subtasks: Int[Tensor, " n"],
    bits: Float[Tensor, "n bit"],
    targets: Int[Tensor, " n"],
    loss: Callable[[Float[Tensor, "n 2"], Int[Tensor, " n"]], Float[Tensor, " n"]],
) -> list[LinearLayer]:
    """Layers for `linear_gram`, which computes the inner products of the gradients of all parameters."""
    before, hidden, outputs = forward(network, subtasks, bits)
    into_hidden, into_outputs = error_signals(loss(outputs, targets), [before, outputs])
    first = LinearLayer(bits, into_hidden, bias=True, one_hot=subtasks)
    return [first, LinearLayer(hidden.detach(), into_outputs, bias=True)]


def true_clusters(
    subtasks: Int[Tensor, " n"], own_bits: Float[Tensor, "n k"], targets: Int[Tensor, " n"]
) -> dict[str, Int[np.ndarray, " n"]]:
    """Cluster of each sample by each of the `TRUTHS`: its subtask, and the two properties that split its gradients.

    The two parities have opposite error signals. The samples of each value of the subtask's k bits, a row of its truth
    table, activate their own neurons.
    """
    by_bits = torch.cat([subtasks.unsqueeze(1), own_bits.long()], 1).unique(dim=0, return_inverse=True)[1]
    clusters = (subtasks, 2 * subtasks + targets, by_bits)
    return {name: each.cpu().numpy() for name, each in zip(TRUTHS, clusters, strict=True)}
