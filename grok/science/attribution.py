"""Which mechanism a prediction used: each frequency's part in an input's logit, and inputs whose parts are unusual."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grok.science import fourier
from grok.science.concentration import share


def contributions(
    logits: Float[Tensor, "*batch example classes"], labels: Int[Tensor, "*#batch example"]
) -> Float[Tensor, "*batch example frequency"]:
    """What each frequency adds to each example's logit of its label: (2/p) Σ_c L[i, c] cos w_k(c − y_i).

    It is the part at frequency k of the logits as a function of the class, at c = y; together they are the logit less
    the mean over the classes. A label learned by heart stands alone among the classes: all frequencies add the same.
    """
    f, wide = fourier.basis(logits.shape[-1], like=logits), logits.double()
    labels = labels.expand(logits.shape[:-1])
    cosine, sine = (torch.matmul(wide, wave.T) * wave.T[labels] for wave in (f[1::2], f[2::2]))
    return (cosine + sine).to(logits.dtype)


def profile(contributions: Float[Tensor, "*batch example frequency"]) -> Float[Tensor, "*batch example frequency"]:
    """Each example's contributions by the sum of their magnitudes: what it used, whatever the size of its logits."""
    return share(contributions, of=contributions.abs().sum(-1, keepdim=True))


def anomaly(profiles: Float[Tensor, "*batch example frequency"]) -> Float[Tensor, "*batch example"]:
    """How unusual each example's profile is: its distance to the median profile as a robust z-score.

    (d − median d) / (1.4826 median |d − median d|), the distance Euclidean: about 0 ± 1 for most, large for the few.
    """
    distance = (profiles - profiles.median(-2, keepdim=True).values).norm(dim=-1)
    excess = distance - distance.median(-1, keepdim=True).values
    spread = 1.4826 * excess.abs().median(-1, keepdim=True).values
    return share(excess, of=spread)


def auroc(scores: Float[Tensor, "*batch example"], planted: Bool[Tensor, "*#batch example"]) -> Float[Tensor, "*batch"]:
    """How often a planted example scores above another one, a tie counting half (Mann–Whitney); NaN without both, and
    where a score has no number."""
    scores = scores.contiguous()
    ordered = scores.sort(-1).values
    below, up_to = (torch.searchsorted(ordered, scores, right=right) for right in (False, True))
    rank = (below + up_to + 1).to(scores.dtype) / 2  # from 1, ties averaged
    n = planted.sum(-1)
    above = ((rank * planted).sum(-1) - n * (n + 1) / 2) / (n * (planted.shape[-1] - n))
    return above.where(~scores.isnan().any(-1), torch.nan)
