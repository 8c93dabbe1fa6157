"""The principal components of an embedding of residues, and how close each is to a wave round a circle.

Zhong et al. 2023 (Clock and Pizza), as their eval-main.ipynb computes it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.science import fourier
from grok.science.concentration import share


def principal_components(
    embedding: Float[Tensor, "*batch p d"],
) -> tuple[Float[Tensor, "*batch p component"], Float[Tensor, "*batch component"]]:
    """The components as unit vectors over the residues, largest first, and the share of the variance that each has.

    They are the eigenvectors of the residues' Gram matrix, centred; the last of the p has no variance. An embedding
    that is not finite, of a network that diverged, has components and shares without numbers.
    """
    centred = embedding.double() - embedding.double().mean(-2, keepdim=True)
    gram = centred @ centred.mT
    finite = gram.isfinite().flatten(-2).all(-1)[..., None, None]
    power, vectors = torch.linalg.eigh(gram.where(finite, 0.0))
    vectors, power = vectors.where(finite, torch.nan), power.where(finite[..., 0], torch.nan)
    power = power.flip(-1).clamp_min(0)
    shares = share(power, of=power.sum(-1, keepdim=True))
    return vectors.flip(-1).to(embedding.dtype), shares.to(embedding.dtype)


def shares_by_frequency(components: Float[Tensor, "*batch p component"]) -> Float[Tensor, "*batch frequency component"]:
    """The share of each component's variance at each frequency."""
    power = fourier.transform(components)[..., 1:, :].square().unflatten(-2, (-1, 2)).sum(-2)
    return share(power, of=power.sum(-2, keepdim=True))


def circularities(components: Float[Tensor, "*batch p component"]) -> Float[Tensor, "*batch component"]:
    """The share of each component's variance at its strongest frequency.

    This is max_f 2 |Σ_t v_t e^{2πi t f / p}|² of the paper, where v is the component scaled to norm 1 / √p.
    """
    return shares_by_frequency(components).amax(-2)


def dominant_frequency(components: Float[Tensor, "*batch p component"]) -> Int[Tensor, "*batch component"]:
    """The strongest frequency (1, 2, …) of each component."""
    return shares_by_frequency(components).argmax(-2) + 1


def circularity(components: Float[Tensor, "*batch p component"], *, first: int = 4) -> Float[Tensor, "*batch"]:
    """The mean circularity of the first components (4 in the paper: two rings)."""
    return circularities(components[..., :first]).mean(-1)


def effective_dimension(shares: Float[Tensor, "*batch component"]) -> Float[Tensor, "*batch"]:
    """exp(S), S = −Σ q ln q the entropy of the components' shares of variance q: n equal ones have dimension n."""
    entropy: Tensor = torch.special.entr(shares).sum(-1)
    return entropy.exp()
