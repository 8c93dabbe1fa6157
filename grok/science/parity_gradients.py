"""What samples of multitask sparse parity leave in a ReLU network of one hidden layer, and what they truly are of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.science.gradient_gram import LinearLayer, error_signals

TRUTHS = ("subtask", "subtask and parity", "subtask and its bits")


class Perceptron(NamedTuple):
    """One network's weights: a row of `control` for each subtask, `weight` for the bits."""

    control: Float[Tensor, "subtask width"]
    weight: Float[Tensor, "bit width"]
    bias: Float[Tensor, "1 width"]
    out: Float[Tensor, "width 2"]
    out_bias: Float[Tensor, "1 2"]


class Passed(NamedTuple):
    """What the network makes of n samples, layer by layer."""

    before: Float[Tensor, "n width"]  # of the ReLU
    hidden: Float[Tensor, "n width"]
    outputs: Float[Tensor, "n 2"]


def forward(network: Perceptron, subtasks: Int[Tensor, " n"], bits: Float[Tensor, "n bit"]) -> Passed:
    """Outputs, with what leads to them; all in a graph that begins before the ReLU, where gradients are enabled."""
    before = (network.control[subtasks] + network.bias + bits @ network.weight).requires_grad_()
    hidden = before.relu()
    return Passed(before, hidden, hidden @ network.out + network.out_bias)


@torch.enable_grad()
def gradient_layers(
    network: Perceptron,
    subtasks: Int[Tensor, " n"],
    bits: Float[Tensor, "n bit"],
    targets: Int[Tensor, " n"],
    loss: Callable[[Float[Tensor, "n 2"], Int[Tensor, " n"]], Float[Tensor, " n"]],
) -> list[LinearLayer]:
    """The layers as `linear_gram` takes them, of which it makes the products of gradients by all parameters."""
    before, hidden, outputs = forward(network, subtasks, bits)
    into_hidden, into_outputs = error_signals(loss(outputs, targets), [before, outputs])
    first = LinearLayer(bits, into_hidden, bias=True, one_hot=subtasks)
    return [first, LinearLayer(hidden.detach(), into_outputs, bias=True)]


def true_clusters(
    subtasks: Int[Tensor, " n"], own_bits: Float[Tensor, "n k"], targets: Int[Tensor, " n"]
) -> dict[str, Int[np.ndarray, " n"]]:
    """Each sample's cluster by each of the `TRUTHS`: its subtask, and what splits a subtask's gradients.

    The error signal of one parity is the opposite of the other's; and of each value of the k bits that a subtask adds,
    a row of its truth table, the samples go through neurons of their own.
    """
    by_bits = torch.cat([subtasks.unsqueeze(1), own_bits.long()], 1).unique(dim=0, return_inverse=True)[1]
    found = (subtasks, 2 * subtasks + targets, by_bits)
    return {name: each.cpu().numpy() for name, each in zip(TRUTHS, found, strict=True)}
