"""How far the logits are the trigonometric formula L[a, b, c] ≈ Σ_k α_k cos w_k(s − c), s = a + b (Nanda et al. 2023).

The formula depends on s − c alone, so its coefficients need only the means of the table M[s, c] of
`progress_measures.mean_by_residue` along its p cyclic diagonals, and its loss is the same for every pair.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from grok.science import fourier


def coefficients(table: Float[Tensor, "*batch p p"]) -> Float64[Tensor, "*batch frequency"]:
    """α_k of every frequency by least squares: 2/p² Σ_{s, c} M[s, c] cos w_k(s − c); the cosines are orthogonal."""
    p = table.shape[-1]
    t = torch.arange(p, device=table.device)
    diagonal = table.double().gather(-1, ((t.unsqueeze(-1) - t) % p).expand(table.shape)).mean(-2)
    cosine = fourier.basis(p, like=table)[1::2]
    return torch.matmul(diagonal, cosine.T) * math.sqrt(2 / p)


def loss(
    alpha: Float[Tensor, "*batch frequency"], keys: Bool[Tensor, "*#batch frequency"]
) -> Float64[Tensor, "*batch"]:
    """The cross-entropy of the formula with the key frequencies alone: of logits Σ_k α_k cos w_k δ, target δ = 0."""
    p = 2 * alpha.shape[-1] + 1
    cosine = fourier.basis(p, like=alpha)[1::2] * math.sqrt(p / 2)
    return -torch.log_softmax((alpha.double() * keys) @ cosine, -1)[..., 0]


def variance(logits: Float[Tensor, "*batch pair classes"]) -> Float64[Tensor, "*batch"]:
    """The mean over all pairs and classes of the squared logits, centred over the classes."""
    of_pair: Tensor = (logits - logits.mean(-1, keepdim=True)).norm(dim=-1)
    return of_pair.double().square().mean(-1) / logits.shape[-1]


def explained(
    alpha: Float[Tensor, "*batch frequency"],
    keys: Bool[Tensor, "*#batch frequency"],
    variance: Float[Tensor, "*batch"],
) -> Float64[Tensor, "*batch"]:
    """The fraction of the logits' variance (about each pair's mean over the classes) that the formula explains.

    A cosine over s − c has mean square 1/2 and the cosines are orthogonal: Σ_k α_k² / 2 over the variance.
    """
    return (alpha.double().square() * keys).sum(-1) / (2 * variance.double())
