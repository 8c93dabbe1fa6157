"""Clock or Pizza (Zhong et al. 2023): what a logit and its gradients owe to the distance and order of the inputs."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.science.concentration import share


def by_sum_and_difference(correct: Float[Tensor, "*batch pair"]) -> Float[Tensor, "*batch p p"]:
    """The pairs' correct logits at [(a + b) mod p, (a − b) mod p]; pairs in the order a · p + b, p odd."""
    p = round(correct.shape[-1] ** 0.5)
    total, difference = torch.meshgrid(*[torch.arange(p, device=correct.device)] * 2, indexing="ij")
    half = (p + 1) // 2  # the inverse of 2: a = (total + difference) / 2
    a, b = (total + difference) * half % p, (total - difference) * half % p
    return correct[..., a * p + b]


def runner_up(
    logits: Float[Tensor, "*batch pair classes"], answer: Int[Tensor, " pair"]
) -> Float[Tensor, "*batch pair"]:
    """The largest logit of all classes but the correct one."""
    return logits.scatter(-1, answer.expand(logits.shape[:-1]).unsqueeze(-1), -torch.inf).amax(-1)


def distance_irrelevance(correct: Float[Tensor, "*batch p p"]) -> Float[Tensor, "*batch"]:
    """The mean over distances of the deviation over the answers, by the deviation of all: 1, the distance says nothing.

    mean_d std_s(L[s, d]) / std(L) of the correct logits, with the answer's residue s on the first axis: of addition in
    the table of `by_sum_and_difference`, of subtraction, whose answer is the difference, in its transpose. The
    reference's training script takes the logits of `runner_up` by mistake; its evaluation notebook is right.
    """
    return share(correct.std(-2, correction=0).mean(-1), of=correct.flatten(-2).std(-1, correction=0))


def gradient_symmetricity(
    by_a: Float[Tensor, "*batch sample d"], by_b: Float[Tensor, "*batch sample d"]
) -> Float[Tensor, "*batch"]:
    """The mean over samples (a, b, c) of the cosine of ∂L_c / ∂E_a and ∂L_c / ∂E_b; c is any class, not the sum."""
    return torch.cosine_similarity(by_a, by_b, dim=-1).mean(-1)
