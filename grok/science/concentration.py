"""How a whole is spread over its parts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def share(part: Float[Tensor, "*batch"], *, of: Float[Tensor, "*#batch"]) -> Float[Tensor, "*batch"]:
    """A part's share of a whole; 0 where the whole is nothing, NaN where it has no number."""
    return torch.where(of == 0, 0.0, part / of)


def gini(values: Float[Tensor, "*batch entry"]) -> Float[Tensor, "*batch"]:
    """The Gini coefficient Σ_i (2i − n − 1) x_i / (n Σ x), x sorted upwards: 0 for equal entries, 1 − 1/n for a single.

    Nanda et al. 2023 take it of the norms of all p Fourier components (`fourier.norm_by_direction`) of W_E and W_L.
    """
    n = values.shape[-1]
    weight = 2 * torch.arange(1, n + 1, device=values.device, dtype=values.dtype) - n - 1
    return share((values.sort(-1).values * weight).sum(-1), of=n * values.sum(-1))
