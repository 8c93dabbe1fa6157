"""Parallelograms of a table: counted one by one, joined by hand, and enumerated at the size of the benchmark."""

from itertools import combinations, combinations_with_replacement, product

import pytest
import torch

from grok.science.parallelograms import equations, inside, parallelograms, reached
from grok.science.toy_operations import n_pairs, n_results, s3_products, toy_table


def by_hand(operation: str, p: int) -> set[frozenset]:
    """P₀ by loops over all pairs of pairs."""
    if operation == "compose_s3":
        pairs, result = [*product(range(6), repeat=2)], lambda a, b: s3_products()[a, b].item()
    else:
        pairs = [*combinations_with_replacement(range(p), 2)]
        result = (lambda a, b: a + b) if operation == "add" else (lambda a, b: (a + b) % p)
    return {frozenset(each) for each in combinations(pairs, 2) if result(*each[0]) == result(*each[1])}


@pytest.mark.parametrize(("p", "count"), [(4, 3), (10, 70)])  # Eq. 19 of the paper, and counted
def test_there_are_as_many_as_the_paper_counts(p, count):
    assert len(parallelograms(toy_table("add", p)[1])) == count


TABLES = [("add", 5), ("add", 9), ("add_modulo", 5), ("add_modulo", 8), ("compose_s3", 3)]


@pytest.mark.parametrize(("operation", "p"), TABLES)
def test_they_are_those_that_loops_find(operation, p):
    pairs, results = toy_table(operation, p)
    assert len(pairs) == n_pairs(operation, p)
    quadruples = parallelograms(results)
    assert (quadruples[:, 0] < quadruples[:, 1]).all()
    found = [frozenset(map(tuple, each)) for each in pairs[quadruples].tolist()]
    assert len(set(found)) == len(found) and set(found) == by_hand(operation, p)


def test_those_of_a_hundred_numbers_are_as_many_as_binomials_say():
    """Sums 2 k and 2 k + 1 have k + 1 pairs up to the middle, and as many from there down."""
    sizes = [min(s, 198 - s) // 2 + 1 for s in range(199)]
    expected = sum(n * (n - 1) // 2 for n in sizes)
    assert len(parallelograms(toy_table("add", 100)[1])) == expected == 82_075


@pytest.mark.parametrize(("operation", "p"), [("add", 6), ("add_modulo", 6), ("compose_s3", 6)])
def test_results_are_numbered_from_zero(operation, p):
    _, results = toy_table(operation, p)
    assert results.unique().tolist() == [*range(n_results(operation, p))]


def test_s3_is_a_group_that_does_not_commute():
    table = s3_products()
    assert (table.sort(0).values == torch.arange(6).unsqueeze(1)).all() and not torch.equal(table, table.T)
    assert torch.equal(table[0], torch.arange(6)) and torch.equal(table[:, 0], torch.arange(6))
    left, right = table[table[:, :, None], torch.arange(6)], table[torch.arange(6)[:, None, None], table]
    assert torch.equal(left, right)  # (x y) z = x (y z)


def test_equations_say_what_a_line_keeps_and_chance_does_not():
    pairs, results = toy_table("add", 10)
    rows = equations(pairs, parallelograms(results), 10)
    line = 3 - 0.7 * torch.arange(10, dtype=torch.float64)
    assert (rows @ line).abs().max() < 1e-12 and (rows.sum(1) == 0).all()
    assert (rows @ torch.randn(10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).abs().min() > 1e-3


def test_a_known_pair_joins_those_of_its_parallelograms_that_are_kept():
    pairs, results = toy_table("add", 4)  # 0+2 = 1+1, 0+3 = 1+2, 1+3 = 2+2
    quadruples, number = parallelograms(results), {tuple(pair): at for at, pair in enumerate(pairs.tolist())}
    known = torch.zeros(len(pairs), dtype=torch.bool)
    known[[number[0, 2], number[2, 2], number[1, 3]]] = True
    assert inside(quadruples, known).sum() == 1
    every = torch.ones(3, dtype=torch.bool)
    joined = reached(quadruples, every, known)
    assert joined.nonzero().flatten().tolist() == sorted([number[0, 2], number[1, 1], number[2, 2], number[1, 3]])
    assert torch.equal(reached(quadruples, ~every, known), known)
