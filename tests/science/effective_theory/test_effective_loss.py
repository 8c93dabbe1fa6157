"""The effective theory: exact eigenvalues, published probabilities, conserved quantities, and ranks by definition."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from grok.science.effective_theory import effective_loss as theory
from grok.science.effective_theory.parallelograms import equations, parallelograms, reachable_pairs, within_training_set
from grok.science.effective_theory.toy_operations import toy_table
from grok.science.statistics.curves import rises_to

PAIRS, RESULTS = toy_table("add", 10)
QUADRUPLES = parallelograms(RESULTS)
ROWS = equations(PAIRS, QUADRUPLES, 10)
ALL = torch.ones(len(QUADRUPLES), dtype=torch.bool)
N_SETS = 2000
# Training pairs, P(nullity = 2), mean λ₃ of AᵀA, mean λ₃ of AᵀA / |P₀(D)|. The means are over 2,000 training sets, by
# the rule of effective_linear_eq.ipynb.
PUBLISHED = [
    (15, 0.0015, 0.0009, 0.0001),
    (20, 0.177, 0.082, 0.0066),
    (25, 0.794, 0.768, 0.0500),
    (30, 0.981, 2.406, 0.1137),
    (35, 0.998, 4.990, 0.1756),
    (40, 1.000, 8.617, 0.2328),
    (45, 1.000, 13.496, 0.2882),
    (50, 1.000, 20.149, 0.3482),
    (55, 1.000, 30.0, 3 / 7),
]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def training_sets(n_train: int, n_sets: int = N_SETS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n_train)
    return theory.random_training_sets(len(PAIRS), n_train, n_sets, generator)


def test_the_slowest_rate_of_all_sums_of_ten_numbers_is_30_and_three_sevenths_per_parallelogram():
    matrix = theory.equation_gram(ROWS, ALL)
    assert theory.nullity(matrix) == theory.LINEAR_NULLITY
    assert theory.slowest_rate(matrix, n_free=2).item() == pytest.approx(30, abs=1e-9)
    assert theory.slowest_rate(matrix / 70, n_free=2).item() == pytest.approx(3 / 7, abs=1e-11)


@pytest.mark.parametrize(("n_train", "share", "rate", "mean_rate"), PUBLISHED)
def test_rates_of_random_training_sets_agree_with_the_published_ones(n_train, share, rate, mean_rate):
    """Within the standard errors of both."""
    known = training_sets(n_train)
    assert (known.sum(1) == n_train).all()
    ours = theory.expected_rates(ROWS, QUADRUPLES, known, n_free=2)
    within = within_training_set(QUADRUPLES, known)
    rates = theory.slowest_rate(theory.equation_gram(ROWS, within), n_free=2)
    mean_rates = rates / within.sum(1).clamp_min(1)
    standard_errors = [math.sqrt(share * (1 - share) / N_SETS)]
    standard_errors += [each.std().item() / N_SETS**0.5 for each in (rates, mean_rates)]
    for value, published, error in zip(ours, (share, rate, mean_rate), standard_errors, strict=True):
        assert abs(value - published) < 4 * math.sqrt(2) * error + 1e-3 * published + 5e-4


def test_half_of_the_training_sets_determine_the_representation_at_a_training_fraction_of_41_percent():
    shares = [theory.expected_rates(ROWS, QUADRUPLES, training_sets(n), n_free=2)[0] for n in range(18, 28)]
    fractions = np.arange(18, 28) / 55
    assert rises_to(fractions, np.array(shares), level=0.5) == pytest.approx(0.41, abs=0.01)


def test_the_velocity_is_the_negative_gradient_of_the_effective_loss():
    matrix = theory.equation_gram(ROWS, within_training_set(QUADRUPLES, training_sets(30, 1)[0]))
    embedding = normal(10, 3)
    embedding = (embedding - embedding.mean(0)).requires_grad_()
    theory.effective_loss(embedding, matrix).backward()
    point = embedding.detach()
    torch.testing.assert_close(theory.effective_velocity(point, matrix, point.square().sum()), -embedding.grad)


def test_the_flow_conserves_the_sum_and_the_length_and_ends_on_a_line():
    matrix, embedding = theory.equation_gram(ROWS, ALL), normal(4, 10, 2)
    embedding = embedding - embedding.mean(1, keepdim=True)
    length = embedding.square().sum((1, 2))
    velocity = theory.effective_velocity(embedding, matrix, length)
    assert velocity.sum(1).abs().max() < 1e-10 and (velocity * embedding).sum((1, 2)).abs().max() < 1e-10
    after = theory.effective_flow(embedding, matrix, step_size=1e-4, steps=300)
    assert after.sum(1).abs().max() < 1e-10
    # Finite steps conserve the length only approximately.
    torch.testing.assert_close(after.square().sum((1, 2)), length, rtol=0.02, atol=0)
    end = theory.effective_flow(after, matrix, step_size=2e-2, steps=500)
    assert theory.effective_loss(end, matrix).max() < 1e-9
    spacing = end.diff(dim=1)
    torch.testing.assert_close(spacing, spacing[:, :1].expand_as(spacing), rtol=0, atol=1e-4)


def test_the_slowest_mode_falls_by_a_factor_e_in_n_h_steps():
    """A line plus a small deviation along the eigenvector of λ₃; H = 2 AᵀA / Z₀, as in the reference code."""
    matrix = theory.equation_gram(ROWS, ALL)
    line = torch.arange(10, dtype=torch.float64) - 4.5
    line = line * (9 / line.square().sum()).sqrt()
    slow = torch.linalg.eigh(matrix).eigenvectors[:, 2]
    assert theory.relaxation_steps(np.array(30.0), length=9.0, learning_rate=1e-3) == pytest.approx(150)
    after = theory.effective_flow((line + 1e-3 * slow).unsqueeze(1), matrix, step_size=1e-3, steps=150)
    assert (after[:, 0] @ slow).item() == pytest.approx(1e-3 / math.e, rel=0.01)


def test_steps_are_divided_by_the_prediction_for_the_chosen_size():
    sizes, rate = np.array([40, 45]), np.array([9.0, 13.5])
    options = {"size": 45.0, "p": 10, "learning_rate": 1e-3}  # 3 n_h is 1,000
    assert theory.steps_over_prediction(sizes, rate, np.array([7.0, 500.0]), **options) == pytest.approx(0.5)
    assert theory.steps_over_prediction(sizes, rate, np.array([7.0, math.nan]), **options) == math.inf
    assert math.isnan(theory.steps_over_prediction(sizes[:1], rate[:1], np.array([7.0]), **options))


def test_the_implied_parallelograms_are_those_that_do_not_raise_the_rank():
    """The rank with and without the row of each parallelogram, for training sets of 12 to 30 pairs."""
    for n_train in (12, 20, 25, 30):
        within = within_training_set(QUADRUPLES, training_sets(n_train, 1)[0])
        rank = torch.linalg.matrix_rank(ROWS[within])
        rank_with = torch.stack([torch.linalg.matrix_rank(torch.cat([ROWS[within], row[None]])) for row in ROWS])
        assert torch.equal(theory.implied_parallelograms(ROWS, theory.equation_gram(ROWS, within)), rank_with == rank)


def pairs_by_definition(rows: torch.Tensor, quadruples: torch.Tensor, known: list[bool]) -> list[int]:
    """The known pairs, and the pairs that an implied parallelogram joins to a known pair.

    A parallelogram is implied if its equation does not raise the rank of the training set's equations.
    """
    parallelogram_pairs = quadruples.tolist()
    train_rows = [row for row, (a, b) in zip(rows, parallelogram_pairs, strict=True) if known[a] and known[b]]
    rank = torch.linalg.matrix_rank(torch.stack(train_rows)) if train_rows else torch.tensor(0)
    correct = {pair for pair, is_known in enumerate(known) if is_known}
    for row, pairs in zip(rows, parallelogram_pairs, strict=True):
        follows = torch.linalg.matrix_rank(torch.stack([*train_rows, row])) == rank
        correct |= set(pairs) if follows and any(known[pair] for pair in pairs) else set()
    return sorted(correct)


def test_the_reachable_pairs_of_a_table_of_five_numbers_follow_their_definition():
    """A sample of all 3,003 training sets of 10 of 15 pairs."""
    pairs, results = toy_table("add", 5)
    quadruples = parallelograms(results)
    rows = equations(pairs, quadruples, 5)
    known = torch.zeros(3003, 15, dtype=torch.bool)
    known.scatter_(1, torch.tensor([*combinations(range(15), 10)]), True)
    matrix = theory.equation_gram(rows, within_training_set(quadruples, known))
    reachable = reachable_pairs(quadruples, theory.implied_parallelograms(rows, matrix), known)
    for sample in range(0, 3003, 97):
        expected = pairs_by_definition(rows, quadruples, known[sample].tolist())
        assert reachable[sample].nonzero().flatten().tolist() == expected
    zero_plus_zero = pairs.tolist().index([0, 0])
    assert not reachable[~known[:, zero_plus_zero], zero_plus_zero].any()  # no other pair has the sum 0


def test_sums_modulo_p_allow_only_a_constant_representation():
    pairs, results = toy_table("add_modulo", 7)
    quadruples = parallelograms(results)
    matrix = theory.equation_gram(equations(pairs, quadruples, 7), torch.ones(len(quadruples), dtype=torch.bool))
    # E_i + E_j = E_{i+j} + E_0 for all i, j: E − E_0 is a homomorphism from Z_p to the reals, so it is 0.
    assert theory.nullity(matrix) == 1
