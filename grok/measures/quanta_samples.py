"""Samples that a parity network has learned, and the similarities of their gradients (for quanta discovery)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.models.controlled_mlp import ControlledMlp
from grok.random_streams import RandomStreams
from grok.science.numerics.packed_bits import unpack_bits
from grok.science.quanta.discovery import angular_similarity
from grok.science.quanta.gradient_gram import linear_gram
from grok.science.quanta.parity_gradients import TwoLayerWeights, forward, gradient_layers
from grok.tasks.sparse_parity import SparseParity

MAX_DRAWS = 20  # batches of n examples that are searched for learned samples
BLOCK = 500  # rows of the Gram matrix that are computed at once


class Samples(NamedTuple):
    """Examples in the layout of the network's inputs."""

    subtasks: Int[Tensor, " sample"]
    bits: Float[Tensor, "sample bit"]
    targets: Int[Tensor, " sample"]


def network_weights(model: ControlledMlp, replica: int) -> TwoLayerWeights:
    """The weights of one replica, in double precision."""
    first, last = model.first, model.last
    weights = (first.control, first.weight, first.bias, last.weight, last.bias)
    return TwoLayerWeights(*(each[replica].detach().double() for each in weights))


def learned_samples(
    network: TwoLayerWeights, task: SparseParity, streams: RandomStreams, *, n: int, max_loss: float, equally: bool
) -> Samples:
    """`n` new examples with a loss below `max_loss` nats, in random order; fewer if learned examples are rare.

    Subtasks are as frequent as in training, or equally frequent if `equally`. The samples are shuffled because the task
    samples examples in the order of subtasks: without it, the first ones would all be of the most frequent subtask.
    """
    subsets, device = task.subsets(streams), network.bias.device
    stream = "quanta_discovery_equal" if equally else "quanta_discovery"
    learned: list[Samples] = []
    for draw in range(MAX_DRAWS):
        generator = streams.generator(stream, draw)
        if equally:
            subtasks = torch.randint(task.n_subtasks, (n,), generator=generator)
            inputs, targets = (each.to(device) for each in task.examples(subsets, subtasks, generator))
        else:
            inputs, targets = (each.to(device) for each in task.sample_by_frequency(subsets, n, generator))
        samples = Samples(inputs[:, 0], unpack_bits(inputs[:, 1:], task.n_bits, torch.float64), targets)
        is_learned = task.example_loss(forward(network, samples.subtasks, samples.bits).outputs, targets) < max_loss
        learned.append(Samples(*(each[is_learned] for each in samples)))
        if sum(len(each.targets) for each in learned) >= n:
            break
    columns = [torch.cat(each) for each in zip(*learned, strict=True)]
    order = torch.randperm(len(columns[0]), generator=streams.generator(stream, MAX_DRAWS))[:n].to(device)
    return Samples(*(column[order] for column in columns))


def similarities(network: TwoLayerWeights, task: SparseParity, samples: Samples) -> Float[np.ndarray, "sample sample"]:
    """The angular similarities of the samples' gradients with respect to all parameters."""
    layers = gradient_layers(network, *samples, task.example_loss)
    return angular_similarity(linear_gram(layers, block=BLOCK)).cpu().numpy()
