"""Whether a cluster is a part of the network: its mean gradient should change its own samples' losses and no others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from grok.measures.token_gradients import TokenNetwork, Weights
from grok.science.quanta.token_samples import TokenSamples

CHANGES, PARTS = ("step", "ablation"), ("inside", "outside")
STEP = 0.1  # nats: to first order, a step raises the mean loss of its gradient's samples by this
N_OUTSIDE = 100  # samples of other clusters whose losses are compared


def changed_weights(network: TokenNetwork, samples: TokenSamples) -> dict[str, Weights]:
    """The weights after a step along the samples' mean gradient, and without their component along it (ablation)."""
    gradient, weights = network.mean_gradient(samples), network.weights
    square = sum(each.square().sum() for each in gradient.values())
    component = sum((weights[name] * each).sum() for name, each in gradient.items())
    factors = {"step": STEP / square, "ablation": -component / square}
    return {
        change: {name: weights[name] + factor * each for name, each in gradient.items()}
        for change, factor in factors.items()
    }


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
