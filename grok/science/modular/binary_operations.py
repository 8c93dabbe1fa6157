"""Binary operations as tables of pairs and results: arithmetic modulo p and the group S₅ (Power et al. 2022, A.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import torch
from jaxtyping import Int
from torch import Tensor

Pairs = Int[Tensor, " pair"]

MODULAR: dict[str, Callable[[Pairs, Pairs, int], Pairs]] = {
    "add": lambda x, y, p: x + y,
    "subtract": lambda x, y, p: x - y,
    "multiply": lambda x, y, p: x * y,  # not in Power et al.
    "divide": lambda x, y, p: x * inverses(p)[y],
    "divide_or_subtract": lambda x, y, p: torch.where(y % 2 == 1, x * inverses(p)[y], x - y),  # x/y if y is odd
    "x2+y2": lambda x, y, p: x * x + y * y,
    "x2+xy+y2": lambda x, y, p: x * x + x * y + y * y,
    "x2+xy+y2+x": lambda x, y, p: x * x + x * y + y * y + x,
    "x3+xy": lambda x, y, p: x * x * x + x * y,
    "x3+xy2+y": lambda x, y, p: x * x * x + x * y * y + y,
}
ON_S5: dict[str, Callable[[Pairs, Pairs], Pairs]] = {
    "compose_s5": lambda x, y: _s5_product("xy", x=x, y=y),
    "conjugate_s5": lambda x, y: _s5_product("xyz", x=x, y=y, z=s5_inverses()[x]),  # x · y · x⁻¹
    "sandwich_s5": lambda x, y: _s5_product("xyx", x=x, y=y),
}
OPERATIONS = (*MODULAR, *ON_S5)
NEED_PRIME = ("divide", "divide_or_subtract")  # these need a prime p
S5_SIZE = 120


def table(operation: str, p: int) -> tuple[Int[Tensor, "pair 2"], Pairs]:
    """All pairs (x, y) in lexicographic order, with index x · p + y, and the result of each.

    `divide` has no pairs with y = 0. The operations on S₅ use the 120 permutations instead of the residues.
    """
    n = n_elements(operation, p)
    pairs = torch.cartesian_prod(torch.arange(n), torch.arange(int(operation == "divide"), n))
    x, y = pairs.unbind(1)
    return pairs, ON_S5[operation](x, y) if operation in ON_S5 else MODULAR[operation](x, y, p) % p


def n_elements(operation: str, p: int) -> int:
    """Number of elements of the operation: p residues, or the 120 permutations."""
    return S5_SIZE if operation in ON_S5 else p


def inverses(p: int) -> Int[Tensor, " p"]:
    """Inverse of each residue modulo the prime p; residue 0 has no inverse and gets 0."""
    return torch.tensor([0, *(pow(y, -1, p) for y in range(1, p))])


def is_prime(p: int) -> bool:
    """Whether p is a prime, by trial division."""
    return p > 1 and all(p % divisor for divisor in range(2, int(p**0.5) + 1))


def s5_elements() -> Int[Tensor, "120 5"]:
    """The permutations of 0 … 4 in lexicographic order: row x is x(0), …, x(4)."""
    return torch.tensor([*permutations(range(5))])


def s5_products() -> Int[Tensor, "120 120"]:
    """Index of x · y for the permutations with indices x and y: x first, then y, as in the code of Power et al."""
    elements = s5_elements()
    return _index(elements[:, elements].transpose(0, 1))  # [x, y, i] = y(x(i))


def s5_inverses() -> Int[Tensor, " 120"]:
    """Index of the inverse of each permutation."""
    return _index(s5_elements().argsort(1))


def _index(permutation: Int[Tensor, "*batch 5"]) -> Int[Tensor, "*batch"]:
    """Indices of permutations in lexicographic order, found by their digits in base 5."""
    digits = 5 ** torch.arange(4, -1, -1)
    return torch.searchsorted((s5_elements() * digits).sum(-1), (permutation * digits).sum(-1))


def _s5_product(word: str, **letters: Pairs) -> Pairs:
    """Product of the word's letters from left to right."""
    products = s5_products()
    result = letters[word[0]]
    for letter in word[1:]:
        result = products[result, letters[letter]]
    return result
