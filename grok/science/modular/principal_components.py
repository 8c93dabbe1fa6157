"""Principal components of an embedding of residues, and their circularity: how close each is to one Fourier wave.

Zhong et al. 2023 (Clock and Pizza), as computed in their eval-main.ipynb.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.science.modular import fourier
from grok.science.statistics.concentration import share


def principal_components(
    embedding: Float[Tensor, "*batch p d"],
) -> tuple[Float[Tensor, "*batch p component"], Float[Tensor, "*batch component"]]:
    """Components as unit vectors over the residues, largest first, and the share of the variance of each.

    They are the eigenvectors of the centered residues' Gram matrix; the last of the p has no variance. If the embedding
    is not finite (a network that diverged), components and shares are NaN.
    """
    centered = embedding.double() - embedding.double().mean(-2, keepdim=True)
    gram = centered @ centered.mT
    is_finite = gram.isfinite().flatten(-2).all(-1)[..., None, None]
    power, vectors = torch.linalg.eigh(gram.where(is_finite, 0.0))
    vectors, power = vectors.where(is_finite, torch.nan), power.where(is_finite[..., 0], torch.nan)
    power = power.flip(-1).clamp_min(0)
    shares = share(power, whole=power.sum(-1, keepdim=True))
    return vectors.flip(-1).to(embedding.dtype), shares.to(embedding.dtype)


def shares_by_frequency(components: Float[Tensor, "*batch p component"]) -> Float[Tensor, "*batch frequency component"]:
    """Share of each component's variance at each frequency."""
    power = fourier.transform(components)[..., 1:, :].square().unflatten(-2, (-1, 2)).sum(-2)
    return share(power, whole=power.sum(-2, keepdim=True))


def circularities(components: Float[Tensor, "*batch p component"]) -> Float[Tensor, "*batch component"]:
    """Circularity of each component: the share of its variance at its strongest frequency.

    In the paper: max_f 2 |Σ_t v_t e^{2πi t f / p}|², where v is the component scaled to norm 1 / √p.
    """
    return shares_by_frequency(components).amax(-2)


def dominant_frequency(components: Float[Tensor, "*batch p component"]) -> Int[Tensor, "*batch component"]:
    """Strongest frequency (1, 2, …) of each component."""
    return shares_by_frequency(components).argmax(-2) + 1


def circularity(components: Float[Tensor, "*batch p component"], *, first: int = 4) -> Float[Tensor, "*batch"]:
    """Mean circularity of the first components (4 in the paper: two rings)."""
    return circularities(components[..., :first]).mean(-1)


def effective_dimension(shares: Float[Tensor, "*batch component"]) -> Float[Tensor, "*batch"]:
    """exp(S), where S = −Σ q ln q is the entropy of the shares of variance q; n equal shares have dimension n."""
    entropy: Tensor = torch.special.entr(shares).sum(-1)
    return entropy.exp()
