"""Fit of the logits by the formula L[a, b, c] ≈ Σ_k α_k cos w_k(s − c), s = a + b (Nanda et al. 2023).

The formula depends only on s − c, so its loss is the same for every pair. Its coefficients need only the means along
the p cyclic diagonals of the matrix M[s, c] of `progress_measures.mean_by_residue`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from grok.science.modular import fourier


def coefficients(table: Float[Tensor, "*batch p p"]) -> Float64[Tensor, "*batch frequency"]:
    """α_k of every frequency by least squares: 2/p² Σ_{s, c} M[s, c] cos w_k(s − c), as the cosines are orthogonal."""
    p = table.shape[-1]
    t = torch.arange(p, device=table.device)
    diagonal = table.double().gather(-1, ((t.unsqueeze(-1) - t) % p).expand(table.shape)).mean(-2)
    cosine = fourier.basis(p, like=table)[1::2]
    return torch.matmul(diagonal, cosine.T) * math.sqrt(2 / p)


def loss(
    alpha: Float[Tensor, "*batch frequency"], keys: Bool[Tensor, "*#batch frequency"]
) -> Float64[Tensor, "*batch"]:
    """Cross-entropy of the formula with only the key frequencies: logits Σ_k α_k cos w_k δ, target δ = 0."""
    p = 2 * alpha.shape[-1] + 1
    cosine = fourier.basis(p, like=alpha)[1::2] * math.sqrt(p / 2)
    return -torch.log_softmax((alpha.double() * keys) @ cosine, -1)[..., 0]


def variance(logits: Float[Tensor, "*batch pair classes"]) -> Float64[Tensor, "*batch"]:
    """Mean squared logit over all pairs and classes, centered over the classes."""
    norm: Tensor = (logits - logits.mean(-1, keepdim=True)).norm(dim=-1)
    return norm.double().square().mean(-1) / logits.shape[-1]


def explained(
    alpha: Float[Tensor, "*batch frequency"],
    keys: Bool[Tensor, "*#batch frequency"],
    variance: Float[Tensor, "*batch"],
) -> Float64[Tensor, "*batch"]:
    """Fraction of the logits' variance (about each pair's mean over the classes) that the formula explains.

    A cosine over s − c has mean square 1/2, and the cosines are orthogonal: Σ_k α_k² / 2, divided by the variance.
    """
    return (alpha.double().square() * keys).sum(-1) / (2 * variance.double())
