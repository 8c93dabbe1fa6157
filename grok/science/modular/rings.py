"""Ring of an embedding at each frequency: the residues in the plane of that frequency's cosine and sine.

The Fourier components of the embedding at frequency k are two vectors u = F_{2k−1} E and v = F_{2k} E. Its part at that
frequency is the ellipse t ↦ √(2/p) (u cos w_k t + v sin w_k t): a circle if |u| = |v| and u ⊥ v. Each plane belongs to
one frequency, unlike the first two principal components: a network has about five rings of similar variance.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from grok.science.modular import fourier
from grok.science.statistics.concentration import share


def coordinates(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency p 2"]:
    """Coordinates of each residue in each frequency's plane: the full, centered embedding on the plane's two axes.

    The axes are the orthonormal pair closest to u and v (the polar factor). A ring thus keeps its orientation between
    evaluation steps: residue 0 is on the right, and residue t is at the angle w_k t. The components of other
    frequencies in the plane appear as scatter.
    """
    waves = _waves(embedding)
    centered = embedding.double() - embedding.double().mean(-2, keepdim=True)
    return (centered.unsqueeze(-3) @ _axes(waves).mT).to(embedding.dtype)


def roundness(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """Roundness of each frequency's ellipse: 2 r₁ r₂ / (r₁² + r₂²) of its half-axes, 1 for a circle, 0 for a line.

    This is our own definition. In many dimensions two random vectors are nearly orthogonal and nearly equal in length,
    so noise is also round: see `circularity`.
    """
    gram = _gram(_waves(embedding))
    trace = gram[..., 0, 0] + gram[..., 1, 1]
    return share(2 * _root_determinant(gram), whole=trace).to(embedding.dtype)


def purity(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """Purity of each frequency's plane: the share of the embedding's variance in the plane that is at that frequency.

    This is our own definition.
    """
    waves = fourier.transform(embedding.double())[..., 1:, :]
    in_plane = (waves.unsqueeze(-3) @ _axes(waves.unflatten(-2, (-1, 2))).mT).square().sum(-1)  # [plane, direction]
    at_frequency = in_plane.unflatten(-1, (-1, 2)).sum(-1).diagonal(dim1=-2, dim2=-1)
    return share(at_frequency, whole=in_plane.sum(-1)).to(embedding.dtype)


def circularity(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch frequency"]:
    """Circularity of each frequency's plane: roundness times purity, 1 for a circle and nothing else.

    A random embedding of p residues in d dimensions has about d / (d + p), .53 for 113 residues in 128 dimensions.
    """
    return roundness(embedding) * purity(embedding)


def ring_order(p: int) -> Int[Tensor, "frequency p"]:
    """The residues in their order around each frequency's ring: position j has residue j · k⁻¹ mod p.

    If k has no inverse (composite p), residues that share a position are in increasing order.
    """
    t = torch.arange(p)
    position: Tensor = torch.outer(t[1 : (p + 1) // 2], t) % p
    return position.argsort(dim=-1, stable=True)


def _waves(embedding: Float[Tensor, "*batch p d"]) -> Float64[Tensor, "*batch frequency 2 d"]:
    """u and v of each frequency."""
    waves: Tensor = fourier.transform(embedding.double())[..., 1:, :].unflatten(-2, (-1, 2))
    return waves


def _gram(waves: Float64[Tensor, "*batch 2 d"]) -> Float64[Tensor, "*batch 2 2"]:
    return waves @ waves.mT


def _root_determinant(gram: Float64[Tensor, "*batch 2 2"]) -> Float64[Tensor, "*batch"]:
    return (gram[..., 0, 0] * gram[..., 1, 1] - gram[..., 0, 1].square()).clamp_min(0).sqrt()


def _axes(waves: Float64[Tensor, "*batch 2 d"]) -> Float64[Tensor, "*batch 2 d"]:
    """Polar factor G^{−1/2} A of the two rows A, G = A Aᵀ, by the closed form of a 2 × 2 square root.

    √G = (G + √det G) / √(tr G + 2 √det G). Its inverse is (tr G + √det G − G) / (√det G · √(tr G + 2 √det G)).
    """
    gram = _gram(waves)
    trace = (gram[..., 0, 0] + gram[..., 1, 1])[..., None, None]
    root = _root_determinant(gram)[..., None, None].clamp_min(1e-12 * trace)
    adjugate = (trace + root) * torch.eye(2, dtype=gram.dtype, device=gram.device) - gram
    return share(adjugate @ waves, whole=root * (trace + 2 * root).sqrt())
