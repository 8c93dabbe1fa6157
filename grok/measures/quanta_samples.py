"""Samples that a parity network has learned, and how alike the gradients are that they give (for quanta discovery)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.models.controlled_mlp import ControlledMlp
from grok.science.gradient_gram import linear_gram
from grok.science.packed_bits import unpacked
from grok.science.parity_gradients import Perceptron, forward, gradient_layers
from grok.science.quanta_discovery import angular_similarity
from grok.streams import Streams
from grok.tasks.sparse_parity import SparseParity

DRAWS = 20  # of as many examples as are wanted, in which those of almost no loss are looked for
BLOCK = 500  # rows of the Gram matrix at once


class Samples(NamedTuple):
    """Examples laid out as the network takes them."""

    subtasks: Int[Tensor, " sample"]
    bits: Float[Tensor, "sample bit"]
    targets: Int[Tensor, " sample"]


def perceptron(model: ControlledMlp, replica: int) -> Perceptron:
    """The weights of one replica, in double precision."""
    first, last = model.first, model.last
    weights = (first.control, first.weight, first.bias, last.weight, last.bias)
    return Perceptron(*(each[replica].detach().double() for each in weights))


def learned_samples(
    network: Perceptron, task: SparseParity, streams: Streams, *, n: int, below: float, equally: bool
) -> Samples:
    """`n` new examples with a loss `below` so many nats, in no order; fewer where they are rare.

    Their subtasks come as frequently as in training, or `equally` so. Examples are drawn in the order of subtasks, so
    that the first would be of the most frequent alone.
    """
    subsets, device = task.subsets(streams), network.bias.device
    stream = "quanta_discovery_equal" if equally else "quanta_discovery"
    kept: list[Samples] = []
    for part in range(DRAWS):
        generator = streams.generator(stream, part)
        if equally:
            subtasks = torch.randint(task.n_subtasks, (n,), generator=generator)
            inputs, targets = (each.to(device) for each in task.examples(subsets, subtasks, generator))
        else:
            inputs, targets = (each.to(device) for each in task.as_they_come(subsets, n, generator))
        drawn = Samples(inputs[:, 0], unpacked(inputs[:, 1:], task.n_bits, torch.float64), targets)
        known = task.example_loss(forward(network, drawn.subtasks, drawn.bits).outputs, targets) < below
        kept.append(Samples(*(each[known] for each in drawn)))
        if sum(len(own.targets) for own in kept) >= n:
            break
    found = [torch.cat(each) for each in zip(*kept, strict=True)]
    order = torch.randperm(len(found[0]), generator=streams.generator(stream, DRAWS))[:n].to(device)
    return Samples(*(each[order] for each in found))


def similarities(network: Perceptron, task: SparseParity, samples: Samples) -> Float[np.ndarray, "sample sample"]:
    """The angular similarities of the samples' gradients by all parameters."""
    layers = gradient_layers(network, *samples, task.example_loss)
    return angular_similarity(linear_gram(layers, block=BLOCK)).cpu().numpy()
