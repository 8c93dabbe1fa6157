"""The toy operations of the effective theory (Liu et al. 2022, arXiv:2205.10343): sums, sums modulo p, and products of
the six permutations of three elements (S₃)."""

from __future__ import annotations

from itertools import permutations

import torch
from jaxtyping import Int
from torch import Tensor

ON_S3 = ("compose_s3",)
OPERATIONS = ("add", "add_modulo", *ON_S3)
S3_SIZE = 6


def toy_table(operation: str, p: int) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
    """The pairs of an operation's table in lexicographic order, and the index of each pair's result.

    A sum is the same for (a, b) and (b, a): its table has the p (p + 1) / 2 pairs with a ≤ b. A product on S₃ depends
    on the order: its table has all 36 ordered pairs, and p is ignored.
    """
    if operation in ON_S3:
        pairs = torch.cartesian_prod(torch.arange(S3_SIZE), torch.arange(S3_SIZE))
        return pairs, s3_products().flatten()
    pairs = torch.combinations(torch.arange(p), with_replacement=True)
    return pairs, pairs.sum(1) % (p if operation == "add_modulo" else 2 * p - 1)


def n_pairs(operation: str, p: int) -> int:
    """The number of pairs in the table."""
    return S3_SIZE**2 if operation in ON_S3 else p * (p + 1) // 2


def n_elements(operation: str, p: int) -> int:
    """The number of elements of the operation: p numbers, or the 6 permutations."""
    return S3_SIZE if operation in ON_S3 else p


def n_results(operation: str, p: int) -> int:
    """The number of possible results: 0 … 2p − 2, the p residues, or the 6 permutations."""
    return 2 * p - 1 if operation == "add" else n_elements(operation, p)


def s3_products() -> Int[Tensor, "6 6"]:
    """The index of the product x · y for the permutations with indices x and y.

    The permutations of 0, 1, 2 are in lexicographic order. x is applied first, then y, as in the reference code
    (toy/Figure5d_permutation.ipynb).
    """
    elements = torch.tensor([*permutations(range(3))])
    products = elements[:, elements].transpose(0, 1)  # [x, y, i] = y(x(i))
    return (products.unsqueeze(2) == elements).all(-1).int().argmax(-1)
