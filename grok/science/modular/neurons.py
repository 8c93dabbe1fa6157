"""Frequency of each neuron, from its activations over all pairs (a, b) as a function on Z_p × Z_p.

Nanda et al. 2023 (Sec. 4.2, App. C) take nine products for frequency k: {1, cos w_k a, sin w_k a} times
{1, cos w_k b, sin w_k b}. The frequency explains the share of a neuron's variance that these products contain,
without the constant.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from grok.science.modular import fourier
from grok.science.statistics.concentration import share

EXPLAINED_THRESHOLD = 0.85  # threshold on the share that assigns a neuron to a frequency (the paper and its Colab)


def share_by_frequency(activations: Float[Tensor, "*batch pair neuron"]) -> Float[Tensor, "*batch frequency neuron"]:
    """Share of each neuron's variance in each frequency's block of nine products; 0 for a dead neuron.

    The activations are those of all p² pairs, in the order a · p + b.
    """
    batch, (n_pairs, n) = activations.shape[:-2], activations.shape[-2:]
    p = math.isqrt(n_pairs)
    # One network at a time: a transform needs as much memory as the activations.
    shares = [_shares(one) for one in activations.reshape(-1, p, p, n)]
    return torch.stack(shares).view(*batch, -1, n)


def _shares(activations: Float[Tensor, "p p neuron"]) -> Float[Tensor, "frequency neuron"]:
    p, _, n = activations.shape
    basis = fourier.basis(p, like=activations).to(activations.dtype)
    over_a = (basis @ activations.reshape(p, p * n)).view(p, p, n)
    products = basis[1:].view(-1, 1, 2, p) @ over_a[1:].view(-1, 2, p, n)  # cos and sin of a, times cos and sin of b
    alone = torch.stack([basis @ over_a[0], over_a.sum(1) / p**0.5])  # b alone, a alone
    power = products.square().sum((1, 2)) + alone[:, 1:].square().view(2, -1, 2, n).sum((0, 2))
    total = activations.square().sum((0, 1)) - alone[0, 0].square()
    return share(power, whole=total).clamp(0, 1)


def explained(shares: Float[Tensor, "*batch frequency neuron"]) -> Float[Tensor, "*batch neuron"]:
    """Share of each neuron's variance that its best frequency explains."""
    return shares.amax(-2)


def count_by_frequency(
    shares: Float[Tensor, "*batch frequency neuron"], *, above: float = EXPLAINED_THRESHOLD
) -> Int[Tensor, "*batch frequency"]:
    """Number of neurons of each frequency: those that it explains best, and by more than `above`."""
    is_best = torch.zeros_like(shares, dtype=torch.long).scatter_(-2, shares.argmax(-2, keepdim=True), 1)
    return (is_best * (shares > above)).sum(-1)


def fraction_of_neurons(
    is_marked: Bool[Tensor, "*batch neuron"], shares: Float[Tensor, "*batch frequency neuron"]
) -> Float64[Tensor, "*batch"]:
    """Fraction of the neurons that are marked; NaN if a neuron's shares are not finite.

    In a network that diverged the shares are NaN. A comparison with NaN is false and would count as an unmarked neuron.
    """
    return is_marked.double().where(explained(shares).isfinite(), torch.nan).mean(-1)


def polysemantic(
    shares: Float[Tensor, "*batch frequency neuron"], *, above: float = EXPLAINED_THRESHOLD
) -> Bool[Tensor, "*batch neuron"]:
    """Whether a neuron is alive and no frequency explains more than `above` of it."""
    best = explained(shares)
    return (best > 0) & (best <= above)
