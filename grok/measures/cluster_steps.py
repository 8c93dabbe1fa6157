"""Whether a cluster is a part of the network: its mean gradient should change its own samples' losses and no others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.measures.token_gradients import TokenNetwork
from grok.science.quanta.token_samples import TokenSamples
from grok.science.quanta.weight_changes import CHANGES, changed_along

PARTS = ("inside", "outside")
STEP = 0.1  # nats: to first order, a step raises the mean loss of its gradient's samples by this
N_OUTSIDE = 100  # samples of other clusters whose losses are compared


def changed_weights(network: TokenNetwork, samples: TokenSamples) -> dict[str, dict[str, Tensor]]:
    """The weights after each of the `CHANGES` along the samples' mean gradient."""
    return changed_along(network.weights, network.mean_gradient(samples), rise=STEP)


def loss_changes(
    network: TokenNetwork, samples: TokenSamples, groups: Sequence[Int[np.ndarray, " member"]]
) -> Float[np.ndarray, "change part group"]:
    """The mean change of the loss inside and outside of each group of samples, by each of the `CHANGES`.

    The gradient is that of a random half of the group; the change inside is that of the other half.
    """
    rng = np.random.default_rng(0)
    result = np.empty((len(CHANGES), len(PARTS), len(groups)))
    for number, group in enumerate(groups):
        members = rng.permutation(group)
        others = np.setdiff1d(np.arange(len(samples.examples)), group)
        outside = rng.choice(others, min(N_OUTSIDE, others.size), replace=False)
        half, tested = members[: members.size // 2], np.concatenate([members[members.size // 2 :], outside])
        taken = TokenSamples(*(each[tested] for each in samples))
        before = network.all_losses(taken)
        for change, weights in changed_weights(network, TokenSamples(*(each[half] for each in samples))).items():
            difference = (network.all_losses(taken, weights) - before).double()
            parts = difference.split([tested.size - outside.size, outside.size])
            result[CHANGES.index(change), :, number] = torch.stack([each.mean() for each in parts]).numpy()
    return result
