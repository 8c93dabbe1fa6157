"""Spectra on Z_p for odd p: the real orthonormal Fourier basis, and the norms of matrices [p, d] at each frequency.

The frequencies are 1 … (p − 1) / 2. Index k − 1 of a frequency axis is frequency k, and w_k = 2πk / p.
Products with the basis are computed in float64 at any training precision: the matrices are small.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grok.science.statistics.concentration import share


def basis(p: int, *, like: Tensor) -> Float[Tensor, "p p"]:
    """Fourier basis in float64, on the device of `like` (Nanda et al. 2023, App. C.1).

    Row 0 is 1 / √p. Rows 2k − 1 and 2k are √(2/p) cos w_k t and √(2/p) sin w_k t.

    Raises:
        ValueError: p is even or below 3.
    """
    if p < 3 or p % 2 == 0:
        raise ValueError(f"a real Fourier basis with a cosine and a sine at each frequency needs an odd p ≥ 3, not {p}")
    t = torch.arange(p, device=like.device)
    # Reduced modulo p as integers, before the angles are rounded.
    angle = (torch.outer(t[1 : (p + 1) // 2], t) % p).double() * (2 * torch.pi / p)
    waves = torch.stack([angle.cos(), angle.sin()], 1).flatten(0, 1) * (2 / p) ** 0.5
    return torch.cat([waves.new_full((1, p), p**-0.5), waves])


def transform(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p d"]:
    """Coefficients of each column in the basis: x̂ = F x."""
    return (basis(values.shape[-2], like=values) @ values.double()).to(values.dtype)


def inverse(coefficients: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p d"]:
    """Columns with these coefficients: x = Fᵀ x̂."""
    return (basis(coefficients.shape[-2], like=coefficients).T @ coefficients.double()).to(coefficients.dtype)


def norm_by_direction(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p"]:
    """Euclidean norm, over the columns, of the coefficients of each basis vector, including the constant one."""
    return transform(values).square().sum(-1).sqrt()


def power_by_frequency(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """Squared norm at each frequency, the sum of cosine and sine: |x̂_{2k−1}|² + |x̂_{2k}|²."""
    power: Tensor = norm_by_direction(values)[..., 1:].square().unflatten(-1, (-1, 2)).sum(-1)
    return power


def norm_by_frequency(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """Norm at each frequency: the square root of `power_by_frequency`."""
    return power_by_frequency(values).sqrt()


def share_by_frequency(values: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """Share of each frequency in the variance over the residues; the sum is 1, or 0 if the variance is 0."""
    power = power_by_frequency(values)
    return share(power, whole=power.sum(-1, keepdim=True))


def project_onto_frequencies(
    values: Float[Tensor, "*batch p d"], frequencies: Bool[Tensor, "*#batch frequency"], *, keep_mean: bool
) -> Float[Tensor, "*batch p d"]:
    """Projection of each column onto the cosines and sines of the marked frequencies, optionally with the mean."""
    constant = frequencies.new_full((*frequencies.shape[:-1], 1), keep_mean)
    is_kept = torch.cat([constant, frequencies.repeat_interleave(2, -1)], -1)
    return inverse(transform(values) * is_kept.unsqueeze(-1))
