"""Attribution of a prediction to frequencies, and the examples whose attribution is unusual."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grok.science.modular import fourier
from grok.science.statistics.concentration import share


def contributions(
    logits: Float[Tensor, "*batch example classes"], labels: Int[Tensor, "*#batch example"]
) -> Float[Tensor, "*batch example frequency"]:
    """Contribution of each frequency to each example's logit of its label: (2/p) Σ_c L[i, c] cos w_k(c − y_i).

    It is the component at frequency k of the logits as a function of the class, at c = y. The contributions sum to the
    logit minus the mean over the classes. A memorized label raises one class alone: all frequencies contribute equally.
    """
    basis, doubles = fourier.basis(logits.shape[-1], like=logits), logits.double()
    labels = labels.expand(logits.shape[:-1])
    cosine, sine = (torch.matmul(doubles, wave.T) * wave.T[labels] for wave in (basis[1::2], basis[2::2]))
    return (cosine + sine).to(logits.dtype)


def profile(contributions: Float[Tensor, "*batch example frequency"]) -> Float[Tensor, "*batch example frequency"]:
    """Each example's contributions divided by the sum of their magnitudes: independent of the scale of its logits."""
    return share(contributions, whole=contributions.abs().sum(-1, keepdim=True))


def anomaly(profiles: Float[Tensor, "*batch example frequency"]) -> Float[Tensor, "*batch example"]:
    """Anomaly score of each example: the distance of its profile from the median profile, as a robust z-score.

    (d − median d) / (1.4826 median |d − median d|) with Euclidean d: about 0 ± 1 for most examples, large for outliers.
    """
    distance = (profiles - profiles.median(-2, keepdim=True).values).norm(dim=-1)
    excess = distance - distance.median(-1, keepdim=True).values
    spread = 1.4826 * excess.abs().median(-1, keepdim=True).values
    return share(excess, whole=spread)


def auroc(scores: Float[Tensor, "*batch example"], planted: Bool[Tensor, "*#batch example"]) -> Float[Tensor, "*batch"]:
    """Probability that a planted example scores higher than another example; ties count half (Mann–Whitney).

    NaN if all examples are planted, if no example is planted, or if a score is NaN.
    """
    scores = scores.contiguous()
    ordered = scores.sort(-1).values
    below, up_to = (torch.searchsorted(ordered, scores, right=right) for right in (False, True))
    rank = (below + up_to + 1).to(scores.dtype) / 2  # from 1, ties averaged
    n = planted.sum(-1)
    above = ((rank * planted).sum(-1) - n * (n + 1) / 2) / (n * (planted.shape[-1] - n))
    return above.where(~scores.isnan().any(-1), torch.nan)
