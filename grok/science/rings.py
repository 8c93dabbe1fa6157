"""The ring that an embedding has at each frequency: the residues in the plane of that frequency's cosine and sine.

The Fourier components of the embedding at frequency k are two vectors u = F_{2k−1} E and v = F_{2k} E, and its part at
that frequency the ellipse t ↦ √(2/p) (u cos w_k t + v sin w_k t): a circle when |u| = |v| and u ⊥ v. Planes are per
frequency, never "the first two principal components": a network has some five rings, of similar variance.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from grok.science import fourier
from grok.science.concentration import share


def coordinates(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency p 2"]:
    """Each residue's place in each frequency's plane: the whole embedding, centred, on the plane's two axes.

    The axes are the orthonormal pair closest to u and v (the polar factor), so a ring keeps its orientation from look
    to look: residue 0 lies to the right and residue t at the angle w_k t. What other frequencies have in the plane
    shows as scatter.
    """
    waves = _waves(embedding)
    centred = embedding.double() - embedding.double().mean(-2, keepdim=True)
    return (centred.unsqueeze(-3) @ _axes(waves).mT).to(embedding.dtype)


def roundness(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """How round each frequency's ellipse is: 2 r₁ r₂ / (r₁² + r₂²) of its half-axes, 1 for a circle, 0 for a line.

    Our own definition. In many dimensions two random vectors are nearly equal in length and orthogonal, so noise is
    round, too: see `circularity`.
    """
    gram = _gram(_waves(embedding))
    trace = gram[..., 0, 0] + gram[..., 1, 1]
    return share(2 * _root_determinant(gram), of=trace).to(embedding.dtype)


def purity(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """The share of the embedding's variance in each frequency's plane that is at that frequency (also our own)."""
    waves = fourier.transform(embedding.double())[..., 1:, :]
    placed = (waves.unsqueeze(-3) @ _axes(waves.unflatten(-2, (-1, 2))).mT).square().sum(-1)  # [plane, direction]
    own = placed.unflatten(-1, (-1, 2)).sum(-1).diagonal(dim1=-2, dim2=-1)
    return share(own, of=placed.sum(-1)).to(embedding.dtype)


def circularity(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """How much of a circle each frequency's plane shows: roundness times purity, 1 for a circle and nothing else.

    A random embedding of p residues in d dimensions has about d / (d + p), .53 for 113 in 128.
    """
    return roundness(embedding) * purity(embedding)


def order(p: int) -> Int[Tensor, "frequency p"]:
    """The residues in the order in which they lie round each frequency's ring: place j holds j · k⁻¹ mod p.

    Where k has no inverse (composite p), residues that share a place stay in their own order.
    """
    t = torch.arange(p)
    place: Tensor = torch.outer(t[1 : (p + 1) // 2], t) % p
    return place.argsort(dim=-1, stable=True)


def _waves(embedding: Float[Tensor, "*batch p d"]) -> Float64[Tensor, "*batch frequency 2 d"]:
    """u and v of each frequency."""
    waves: Tensor = fourier.transform(embedding.double())[..., 1:, :].unflatten(-2, (-1, 2))
    return waves


def _gram(waves: Float64[Tensor, "*batch 2 d"]) -> Float64[Tensor, "*batch 2 2"]:
    return waves @ waves.mT


def _root_determinant(gram: Float64[Tensor, "*batch 2 2"]) -> Float64[Tensor, "*batch"]:
    return (gram[..., 0, 0] * gram[..., 1, 1] - gram[..., 0, 1].square()).clamp_min(0).sqrt()


def _axes(waves: Float64[Tensor, "*batch 2 d"]) -> Float64[Tensor, "*batch 2 d"]:
    """The polar factor G^{−1/2} A of the two rows A, G = A Aᵀ, by the closed form of a 2 × 2 root.

    √G = (G + √det G) / √(tr G + 2 √det G), and its inverse is (tr G + √det G − G) / (√det G · the same root).
    """
    gram = _gram(waves)
    trace = (gram[..., 0, 0] + gram[..., 1, 1])[..., None, None]
    root = _root_determinant(gram)[..., None, None].clamp_min(1e-12 * trace)
    adjugate = (trace + root) * torch.eye(2, dtype=gram.dtype, device=gram.device) - gram
    return share(adjugate @ waves, of=root * (trace + 2 * root).sqrt())
