"""Parallelograms of an operation's table: two pairs with the same result (Liu et al. 2022, Sec. 3.1).

For a sum, (i, j) and (m, n) with i + j = m + n are a parallelogram of a representation E if E_i + E_j = E_m + E_n. P₀
is the set of all parallelograms of a table. Its pairs are those of
`grok.science.effective_theory.toy_operations.toy_table`:

- For a sum they are unordered. P₀ has the unordered pairs of distinct unordered pairs.
- For a product on S₃ they are ordered. P₀ has the unordered pairs of distinct ordered pairs (a, b), (c, d) with
  a b = c d, as in the code of the paper's Figure 6d.

A parallelogram is stored as the indices of its two pairs, the smaller index first.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor


def parallelograms(results: Int[Tensor, " pair"]) -> Int[Tensor, "parallelogram 2"]:
    """P₀ of a table, from its pairs' results: 3 for the sums of 4 numbers (Eq. 19), 70 for 10, 82,075 for 100.

    The pairs are sorted by their result, and each is combined with the later pairs of the same result. Memory is a few
    times that of the output, which has 16 bytes per parallelogram.
    """
    order = results.argsort(stable=True)
    _, sizes = results[order].unique_consecutive(return_counts=True)
    ends = sizes.cumsum(0).repeat_interleave(sizes)
    position = torch.arange(len(results), device=results.device)
    n_later = ends - position - 1
    first = position.repeat_interleave(n_later)
    starts = (n_later.cumsum(0) - n_later).repeat_interleave(n_later)
    second = first + 1 + torch.arange(len(first), device=results.device) - starts
    return order[torch.stack([first, second], 1)]


def equations(
    pairs: Int[Tensor, "pair 2"], quadruples: Int[Tensor, "parallelogram 2"], p: int
) -> Float64[Tensor, "parallelogram p"]:
    """A: the row of (i, j), (m, n) has +1 at i and j and −1 at m and n, so that A E = 0 if E is linear."""
    counts = torch.zeros(len(pairs), p, dtype=torch.float64, device=pairs.device)
    counts.scatter_add_(1, pairs, torch.ones_like(pairs, dtype=torch.float64))
    return counts[quadruples[:, 0]] - counts[quadruples[:, 1]]


def within_training_set(
    quadruples: Int[Tensor, "parallelogram 2"], known: Bool[Tensor, "*batch pair"]
) -> Bool[Tensor, "*batch _"]:
    """P₀(D), as a mask: the parallelograms with both pairs in the training set `known`."""
    return known[..., quadruples[:, 0]] & known[..., quadruples[:, 1]]


def reachable_pairs(
    quadruples: Int[Tensor, "parallelogram 2"],
    kept: Bool[Tensor, "*batch parallelogram"],
    known: Bool[Tensor, "*batch pair"],
) -> Bool[Tensor, "*batch pair"]:
    """D̄(D, P), as a mask: the training pairs, and the pairs that a parallelogram of P joins to one of them (Sec. 3.1).

    `known` is D and `kept` is P, as masks. A decoder that fits D has these pairs right, because it cannot distinguish
    the two sums of a parallelogram.
    """
    reachable = known.clone()
    for here, there in ((0, 1), (1, 0)):
        joined = (kept & known[..., quadruples[:, there]]).to(torch.int64)
        indices = quadruples[:, here].expand_as(joined)
        reachable |= torch.zeros_like(known, dtype=torch.int64).scatter_add(-1, indices, joined) > 0
    return reachable
