"""Parallelograms of an operation's table: two of its pairs that have the same result (Liu et al. 2022, Sec. 3.1).

Where the operation is a sum, (i, j) and (m, n) with i + j = m + n are a parallelogram of a representation E if
E_i + E_j = E_m + E_n. P₀ is the set of all of a table's. Pairs are those of `grok.science.toy_operations.toy_table`:
unordered for a sum, and so P₀ has unordered pairs of distinct unordered pairs; ordered for a product on S₃, whose P₀
has the unordered pairs of distinct ordered pairs (a, b), (c, d) with a b = c d, as the code of the paper's Figure 6d
has it. A parallelogram is a row with the numbers of its two pairs, the smaller first.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor


def parallelograms(results: Int[Tensor, " pair"]) -> Int[Tensor, "parallelogram 2"]:
    """P₀ of the table whose pairs have these results: 3 for the sums of 4 numbers (Eq. 19), 70 for 10, 82,075 for 100.

    Memory is a few times that of the answer, 16 bytes a parallelogram: the pairs are sorted by their result, and each
    is put beside those behind it with the same one.
    """
    order = results.argsort(stable=True)
    _, sizes = results[order].unique_consecutive(return_counts=True)
    ends = sizes.cumsum(0).repeat_interleave(sizes)
    place = torch.arange(len(results), device=results.device)
    behind = ends - place - 1
    first = place.repeat_interleave(behind)
    begins = (behind.cumsum(0) - behind).repeat_interleave(behind)
    second = first + 1 + torch.arange(len(first), device=results.device) - begins
    return order[torch.stack([first, second], 1)]


def equations(
    pairs: Int[Tensor, "pair 2"], quadruples: Int[Tensor, "parallelogram 2"], p: int
) -> Float64[Tensor, "parallelogram p"]:
    """A: the row of (i, j), (m, n) has +1 at i and j and −1 at m and n, so that A E = 0 where E is linear."""
    counts = torch.zeros(len(pairs), p, dtype=torch.float64, device=pairs.device)
    counts.scatter_add_(1, pairs, torch.ones_like(pairs, dtype=torch.float64))
    return counts[quadruples[:, 0]] - counts[quadruples[:, 1]]


def inside(quadruples: Int[Tensor, "parallelogram 2"], known: Bool[Tensor, "*batch pair"]) -> Bool[Tensor, "*batch _"]:
    """Which parallelograms have both their pairs in a training set: P₀(D)."""
    return known[..., quadruples[:, 0]] & known[..., quadruples[:, 1]]


def reached(
    quadruples: Int[Tensor, "parallelogram 2"],
    kept: Bool[Tensor, "*batch parallelogram"],
    known: Bool[Tensor, "*batch pair"],
) -> Bool[Tensor, "*batch pair"]:
    """D̄(D, P): the pairs of the training set, and those that a parallelogram of P joins to one of them (Sec. 3.1).

    A decoder that has fitted D has these right, as it cannot tell the two sums of a parallelogram apart.
    """
    found = known.clone()
    for here, there in ((0, 1), (1, 0)):
        joined = (kept & known[..., quadruples[:, there]]).to(torch.int64)
        rows = quadruples[:, here].expand_as(joined)
        found |= torch.zeros_like(known, dtype=torch.int64).scatter_add(-1, rows, joined) > 0
    return found
