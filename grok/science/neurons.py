"""Which frequency a neuron works at: its activations over all pairs (a, b) as a function on Z_p × Z_p.

Nanda et al. 2023 (Sec. 4.2, App. C): a neuron is explained by frequency k as far as the nine products of
{1, cos w_k a, sin w_k a} and {1, cos w_k b, sin w_k b}, the constant left out, hold its variance.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from grok.science import fourier
from grok.science.concentration import share

EXPLAINED = 0.85  # the share above which the paper (and its Colab's rule of key frequencies) counts a neuron as one's


def share_by_frequency(activations: Float[Tensor, "*batch pair neuron"]) -> Float[Tensor, "*batch frequency neuron"]:
    """The share of each neuron's variance that each frequency's block of nine products holds; 0 for a dead neuron.

    Pairs are all p², in the order a · p + b.
    """
    batch, (pairs, n) = activations.shape[:-2], activations.shape[-2:]
    p = math.isqrt(pairs)
    found = [_shares(one) for one in activations.reshape(-1, p, p, n)]  # one network at a time: a transform is as large
    return torch.stack(found).view(*batch, -1, n)


def _shares(activations: Float[Tensor, "p p neuron"]) -> Float[Tensor, "frequency neuron"]:
    p, _, n = activations.shape
    f = fourier.basis(p, like=activations).to(activations.dtype)
    over_a = (f @ activations.reshape(p, p * n)).view(p, p, n)
    products = f[1:].view(-1, 1, 2, p) @ over_a[1:].view(-1, 2, p, n)  # cos and sin of a, times cos and sin of b
    alone = torch.stack([f @ over_a[0], over_a.sum(1) / p**0.5])  # b alone, a alone
    power = products.square().sum((1, 2)) + alone[:, 1:].square().view(2, -1, 2, n).sum((0, 2))
    total = activations.square().sum((0, 1)) - alone[0, 0].square()
    return share(power, of=total).clamp(0, 1)


def explained(shares: Float[Tensor, "*batch frequency neuron"]) -> Float[Tensor, "*batch neuron"]:
    """The share of each neuron's variance that its best frequency holds."""
    return shares.amax(-2)


def per_frequency(
    shares: Float[Tensor, "*batch frequency neuron"], *, above: float = EXPLAINED
) -> Int[Tensor, "*batch frequency"]:
    """How many neurons each frequency has: those it explains best, and by more than `above`."""
    counted = torch.zeros_like(shares, dtype=torch.long).scatter_(-2, shares.argmax(-2, keepdim=True), 1)
    return (counted * (shares > above)).sum(-1)


def fraction(
    which: Bool[Tensor, "*batch neuron"], shares: Float[Tensor, "*batch frequency neuron"]
) -> Float64[Tensor, "*batch"]:
    """The fraction of the neurons that are marked; NaN where a neuron's shares are no numbers, as of a network that
    diverged: a comparison with them would count it as one that is not."""
    return which.double().where(explained(shares).isfinite(), torch.nan).mean(-1)


def polysemantic(
    shares: Float[Tensor, "*batch frequency neuron"], *, above: float = EXPLAINED
) -> Bool[Tensor, "*batch neuron"]:
    """Whether a neuron is alive and no frequency explains more than `above` of it."""
    best = explained(shares)
    return (best > 0) & (best <= above)
