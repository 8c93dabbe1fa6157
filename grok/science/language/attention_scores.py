"""What attention heads look at: the previous token, or the token after an earlier occurrence (Olsson et al. 2022)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor


def repeated_random_tokens(n: int, n_tokens: int, length: int, *, generator: Generator) -> Int[Tensor, "example _"]:
    """Random tokens that occur twice, one copy after the other, in at most `length` positions."""
    return torch.randint(n_tokens, (n, length // 2), generator=generator).repeat(1, 2)


def prefix_matching(
    patterns: Float[Tensor, "*batch example head query position"], tokens: Int[Tensor, "example position"]
) -> Float[Tensor, "*batch head"]:
    """The attention of a query to the tokens after earlier occurrences of its token: 1 for an ideal induction head.

    It is the mean over all queries whose token occurred before.
    """
    follows = (tokens.unsqueeze(2) == tokens.roll(1, 1).unsqueeze(1)).tril()
    follows[:, :, 0] = False  # nothing is before the first token
    attention = (patterns * follows.unsqueeze(1)).sum(-1)  # [*batch, example, head, query]
    occurred = follows.any(-1).to(patterns)
    return torch.einsum("...ehq,eq->...h", attention, occurred) / occurred.sum()


def previous_token(
    patterns: Float[Tensor, "*batch example head query position"],
) -> Float[Tensor, "*batch head"]:
    """The attention of a query to the token before it, as the mean over all queries but the first."""
    return patterns.diagonal(-1, -2, -1).mean((-1, -3))
