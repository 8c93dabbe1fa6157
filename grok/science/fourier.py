"""Spectra on Z_p, p odd: the real orthonormal Fourier basis, and how a table whose rows are residues spreads over it.

Frequencies are 1 … (p − 1) / 2, all of them: place k − 1 of a frequency axis is frequency k, and w_k = 2πk / p.
Products with the basis are taken in float64, whatever the precision of the training: the tables are small.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grok.science.concentration import share


def basis(p: int, *, like: Tensor) -> Float[Tensor, "p p"]:
    """Row 0 is 1 / √p; rows 2k − 1 and 2k are √(2/p) cos w_k t and √(2/p) sin w_k t (Nanda et al. 2023, App. C.1).

    In float64, on the device of `like`.
    """
    if p < 3 or p % 2 == 0:
        raise ValueError(f"a real Fourier basis with a cosine and a sine at each frequency needs an odd p ≥ 3, not {p}")
    t = torch.arange(p, device=like.device)
    angle = (torch.outer(t[1 : (p + 1) // 2], t) % p).double() * (2 * torch.pi / p)  # reduced before it is rounded
    waves = torch.stack([angle.cos(), angle.sin()], 1).flatten(0, 1) * (2 / p) ** 0.5
    return torch.cat([waves.new_full((1, p), p**-0.5), waves])


def transform(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p d"]:
    """The coefficients of each column in the basis: x̂ = F x."""
    return (basis(values.shape[-2], like=values) @ values.double()).to(values.dtype)


def inverse(coefficients: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p d"]:
    """The columns that have these coefficients: x = Fᵀ x̂."""
    return (basis(coefficients.shape[-2], like=coefficients).T @ coefficients.double()).to(coefficients.dtype)


def norm_by_direction(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p"]:
    """The Euclidean norm over the columns of the coefficients of each basis vector, the constant one included."""
    return transform(values).square().sum(-1).sqrt()


def power_by_frequency(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """The squared norm at each frequency, cosine and sine together: |x̂_{2k−1}|² + |x̂_{2k}|²."""
    power: Tensor = norm_by_direction(values)[..., 1:].square().unflatten(-1, (-1, 2)).sum(-1)
    return power


def norm_by_frequency(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """The norm at each frequency: the root of `power_by_frequency`."""
    return power_by_frequency(values).sqrt()


def share_by_frequency(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """The share of the variance over the residues that each frequency has; sums to 1 (0 where there is no variance)."""
    power = power_by_frequency(values)
    return share(power, of=power.sum(-1, keepdim=True))


def onto_frequencies(
    values: Float[Tensor, "*batch p d"], frequencies: Bool[Tensor, "*#batch frequency"], *, keep_mean: bool
) -> Float[Tensor, "*batch p d"]:
    """The projection of each column on the cosines and sines of the marked frequencies, and on the constant if kept."""
    constant = frequencies.new_full((*frequencies.shape[:-1], 1), keep_mean)
    kept = torch.cat([constant, frequencies.repeat_interleave(2, -1)], -1)
    return inverse(transform(values) * kept.unsqueeze(-1))
