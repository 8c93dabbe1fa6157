"""Clock or Pizza (Zhong et al. 2023): effect of the inputs' distance on the logits, and symmetry of the gradients."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.science.statistics.concentration import share


def by_sum_and_difference(correct: Float[Tensor, "*batch pair"]) -> Float[Tensor, "*batch p p"]:
    """Correct logits at [(a + b) mod p, (a − b) mod p], from those of the pairs in the order a · p + b; p is odd."""
    p = round(correct.shape[-1] ** 0.5)
    total, difference = torch.meshgrid(*[torch.arange(p, device=correct.device)] * 2, indexing="ij")
    half = (p + 1) // 2  # the inverse of 2: a = (total + difference) / 2
    a, b = (total + difference) * half % p, (total - difference) * half % p
    return correct[..., a * p + b]


def runner_up(
    logits: Float[Tensor, "*batch pair classes"], answer: Int[Tensor, " pair"]
) -> Float[Tensor, "*batch pair"]:
    """Largest logit of the wrong classes."""
    return logits.scatter(-1, answer.expand(logits.shape[:-1]).unsqueeze(-1), -torch.inf).amax(-1)


def distance_irrelevance(correct: Float[Tensor, "*batch p p"]) -> Float[Tensor, "*batch"]:
    """Distance irrelevance: mean_d std_s(L[s, d]) / std(L) of the correct logits; 1 if the distance has no effect.

    The answer's residue s is on the first axis. For addition this is the matrix of `by_sum_and_difference`. For
    subtraction, where the answer is the difference, it is the transpose. The reference's training script uses the
    logits of `runner_up` by mistake; its evaluation notebook is correct.
    """
    return share(correct.std(-2, correction=0).mean(-1), whole=correct.flatten(-2).std(-1, correction=0))


def gradient_symmetricity(
    by_a: Float[Tensor, "*batch sample d"], by_b: Float[Tensor, "*batch sample d"]
) -> Float[Tensor, "*batch"]:
    """Mean over samples (a, b, c) of the cosine of ∂L_c / ∂E_a and ∂L_c / ∂E_b; c is any class, not only a + b."""
    return torch.cosine_similarity(by_a, by_b, dim=-1).mean(-1)
