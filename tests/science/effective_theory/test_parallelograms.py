"""Parallelograms of a table: counts of the paper, comparison with loops, and a small example by hand."""

from itertools import combinations, combinations_with_replacement, product

import pytest
import torch

from grok.science.effective_theory.parallelograms import equations, parallelograms, reachable_pairs, within_training_set
from grok.science.effective_theory.toy_operations import n_pairs, n_results, s3_products, toy_table


def loop_parallelograms(operation: str, p: int) -> set[frozenset]:
    """P₀, by loops over all pairs of pairs."""
    if operation == "compose_s3":
        pairs, result = [*product(range(6), repeat=2)], lambda a, b: s3_products()[a, b].item()
    else:
        pairs = [*combinations_with_replacement(range(p), 2)]
        result = (lambda a, b: a + b) if operation == "add" else (lambda a, b: (a + b) % p)
    return {frozenset(each) for each in combinations(pairs, 2) if result(*each[0]) == result(*each[1])}


@pytest.mark.parametrize(("p", "count"), [(4, 3), (10, 70)])  # Eq. 19 of the paper, and counted
def test_the_number_of_parallelograms_is_the_papers(p, count):
    assert len(parallelograms(toy_table("add", p)[1])) == count


TABLES = [("add", 5), ("add", 9), ("add_modulo", 5), ("add_modulo", 8), ("compose_s3", 3)]


@pytest.mark.parametrize(("operation", "p"), TABLES)
def test_the_parallelograms_are_those_found_by_loops(operation, p):
    pairs, results = toy_table(operation, p)
    assert len(pairs) == n_pairs(operation, p)
    quadruples = parallelograms(results)
    assert (quadruples[:, 0] < quadruples[:, 1]).all()
    as_sets = [frozenset(map(tuple, each)) for each in pairs[quadruples].tolist()]
    assert len(set(as_sets)) == len(as_sets) and set(as_sets) == loop_parallelograms(operation, p)


def test_the_number_of_parallelograms_of_a_hundred_numbers_is_a_sum_of_binomials():
    """The sums 2 k and 2 k + 1 have k + 1 pairs up to the middle; the counts fall symmetrically after it."""
    sizes = [min(s, 198 - s) // 2 + 1 for s in range(199)]
    expected = sum(n * (n - 1) // 2 for n in sizes)
    assert len(parallelograms(toy_table("add", 100)[1])) == expected == 82_075


@pytest.mark.parametrize(("operation", "p"), [("add", 6), ("add_modulo", 6), ("compose_s3", 6)])
def test_results_are_indexed_from_zero_without_gaps(operation, p):
    _, results = toy_table(operation, p)
    assert results.unique().tolist() == [*range(n_results(operation, p))]


def test_s3_is_a_group_that_does_not_commute():
    products = s3_products()
    is_latin_square = products.sort(0).values == torch.arange(6).unsqueeze(1)
    assert is_latin_square.all() and not torch.equal(products, products.T)
    assert torch.equal(products[0], torch.arange(6)) and torch.equal(products[:, 0], torch.arange(6))
    left, right = products[products[:, :, None], torch.arange(6)], products[torch.arange(6)[:, None, None], products]
    assert torch.equal(left, right)  # (x y) z = x (y z)


def test_a_line_satisfies_every_equation_and_random_numbers_violate_every_equation():
    pairs, results = toy_table("add", 10)
    rows = equations(pairs, parallelograms(results), 10)
    line = 3 - 0.7 * torch.arange(10, dtype=torch.float64)
    assert (rows @ line).abs().max() < 1e-12 and (rows.sum(1) == 0).all()
    assert (rows @ torch.randn(10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).abs().min() > 1e-3


def test_a_known_pair_reaches_the_other_pair_of_each_parallelogram_in_the_mask():
    pairs, results = toy_table("add", 4)  # 0+2 = 1+1, 0+3 = 1+2, 1+3 = 2+2
    quadruples, index = parallelograms(results), {tuple(pair): i for i, pair in enumerate(pairs.tolist())}
    known = torch.zeros(len(pairs), dtype=torch.bool)
    known[[index[0, 2], index[2, 2], index[1, 3]]] = True
    assert within_training_set(quadruples, known).sum() == 1
    all_parallelograms = torch.ones(3, dtype=torch.bool)
    reachable = reachable_pairs(quadruples, all_parallelograms, known)
    assert reachable.nonzero().flatten().tolist() == sorted([index[0, 2], index[1, 1], index[2, 2], index[1, 3]])
    assert torch.equal(reachable_pairs(quadruples, ~all_parallelograms, known), known)
