"""Shares of a whole, and how evenly a whole is spread over its parts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def share(part: Float[Tensor, "*batch"], *, whole: Float[Tensor, "*#batch"]) -> Float[Tensor, "*batch"]:
    """A part's share of a whole; 0 if the whole is 0, NaN if the whole is NaN."""
    return torch.where(whole == 0, 0.0, part / whole)


def gini(values: Float[Tensor, "*batch entry"]) -> Float[Tensor, "*batch"]:
    """The Gini coefficient Σ_i (2i − n − 1) x_i / (n Σ x), with x in ascending order.

    It is 0 for equal entries, and 1 − 1/n if only one entry is not 0. Nanda et al. 2023 apply it to the norms of all p
    Fourier components (`fourier.norm_by_direction`) of W_E and W_L.
    """
    n = values.shape[-1]
    weight = 2 * torch.arange(1, n + 1, device=values.device, dtype=values.dtype) - n - 1
    return share((values.sort(-1).values * weight).sum(-1), whole=n * values.sum(-1))
