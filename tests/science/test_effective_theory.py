"""The effective theory: exact eigenvalues, published probabilities, what is conserved, and ranks by definition."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from grok.science import effective_theory as theory
from grok.science.curves import rises_to
from grok.science.parallelograms import equations, inside, parallelograms, reached
from grok.science.toy_operations import toy_table

PAIRS, RESULTS = toy_table("add", 10)
QUADRUPLES = parallelograms(RESULTS)
ROWS = equations(PAIRS, QUADRUPLES, 10)
ALL = torch.ones(len(QUADRUPLES), dtype=torch.bool)
N_SETS = 2000
# Train pairs, P(nullity = 2), mean λ₃ of AᵀA, and of AᵀA / |P₀(D)|: 2,000 training sets, by the rule of
# effective_linear_eq.ipynb.
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


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def sets(n_train: int, n_sets: int = N_SETS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n_train)
    return theory.random_training_sets(len(PAIRS), n_train, n_sets, generator)


def test_all_sums_of_ten_numbers_have_the_rate_30_or_three_sevenths():
    matrix = theory.gram(ROWS, ALL)
    assert theory.nullity(matrix) == theory.LINEAR
    assert theory.slowest_rate(matrix, free=2).item() == pytest.approx(30, abs=1e-9)
    assert theory.slowest_rate(matrix / 70, free=2).item() == pytest.approx(3 / 7, abs=1e-11)


@pytest.mark.parametrize(("n_train", "share", "rate", "mean_rate"), PUBLISHED)
def test_random_training_sets_are_as_published_within_the_error_of_both(n_train, share, rate, mean_rate):
    known = sets(n_train)
    assert (known.sum(1) == n_train).all()
    found = theory.expected_rates(ROWS, QUADRUPLES, known, free=2)
    spread = theory.slowest_rate(theory.gram(ROWS, inside(QUADRUPLES, known)), free=2)
    of_mean = spread / inside(QUADRUPLES, known).sum(1).clamp_min(1)
    errors = (math.sqrt(share * (1 - share) / N_SETS), *(each.std().item() / N_SETS**0.5 for each in (spread, of_mean)))
    for ours, theirs, error in zip(found, (share, rate, mean_rate), errors, strict=True):
        assert abs(ours - theirs) < 4 * math.sqrt(2) * error + 1e-3 * theirs + 5e-4


def test_half_of_the_training_sets_determine_the_representation_at_two_fifths():
    shares = [theory.expected_rates(ROWS, QUADRUPLES, sets(n), free=2)[0] for n in range(18, 28)]
    fractions = np.arange(18, 28) / 55
    assert rises_to(fractions, np.array(shares), level=0.5) == pytest.approx(0.41, abs=0.01)


def test_the_velocity_is_the_gradient_of_the_effective_loss():
    matrix, embedding = theory.gram(ROWS, inside(QUADRUPLES, sets(30, 1)[0])), random(10, 3)
    embedding = (embedding - embedding.mean(0)).requires_grad_()
    theory.effective_loss(embedding, matrix).backward()
    own = embedding.detach()
    torch.testing.assert_close(theory.effective_velocity(own, matrix, own.square().sum()), -embedding.grad)


def test_the_flow_keeps_the_sum_and_the_length_and_ends_on_a_line():
    matrix, embedding = theory.gram(ROWS, ALL), random(4, 10, 2)
    embedding = embedding - embedding.mean(1, keepdim=True)
    length = embedding.square().sum((1, 2))
    velocity = theory.effective_velocity(embedding, matrix, length)
    assert velocity.sum(1).abs().max() < 1e-10 and (velocity * embedding).sum((1, 2)).abs().max() < 1e-10
    after = theory.effective_flow(embedding, matrix, step_size=1e-4, steps=300)
    assert after.sum(1).abs().max() < 1e-10
    torch.testing.assert_close(after.square().sum((1, 2)), length, rtol=0.02, atol=0)  # steps are not quite the flow
    end = theory.effective_flow(after, matrix, step_size=2e-2, steps=500)
    assert theory.effective_loss(end, matrix).max() < 1e-9
    steps = end.diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), rtol=0, atol=1e-4)


def test_the_slowest_deviation_falls_by_e_in_n_h_steps():
    """Along the eigenvector of λ₃, beside a line, and in the code's convention: H = 2 AᵀA / Z₀."""
    matrix = theory.gram(ROWS, ALL)
    line = torch.arange(10, dtype=torch.float64) - 4.5
    line = line * (9 / line.square().sum()).sqrt()
    slow = torch.linalg.eigh(matrix).eigenvectors[:, 2]
    assert theory.steps_of_theory(np.array(30.0), length=9.0, learning_rate=1e-3) == pytest.approx(150)
    after = theory.effective_flow((line + 1e-3 * slow).unsqueeze(1), matrix, step_size=1e-3, steps=150)
    assert (after[:, 0] @ slow).item() == pytest.approx(1e-3 / math.e, rel=0.01)


def test_steps_are_by_the_theory_of_the_size_asked_for():
    sizes, rate = np.array([40, 45]), np.array([9.0, 13.5])
    law = {"size": 45.0, "p": 10, "learning_rate": 1e-3}
    assert theory.times_theory(sizes, rate, np.array([7.0, 500.0]), **law) == pytest.approx(0.5)  # 3 n_h is 1,000
    assert theory.times_theory(sizes, rate, np.array([7.0, math.nan]), **law) == math.inf
    assert math.isnan(theory.times_theory(sizes[:1], rate[:1], np.array([7.0]), **law))


def test_what_is_implied_adds_nothing_to_the_rank():
    """By definition: of each parallelogram, the rank with its row and without, for training sets of 12 to 30 pairs."""
    for n_train in (12, 20, 25, 30):
        kept = inside(QUADRUPLES, sets(n_train, 1)[0])
        rank = torch.linalg.matrix_rank(ROWS[kept])
        with_each = torch.stack([torch.linalg.matrix_rank(torch.cat([ROWS[kept], row[None]])) for row in ROWS])
        assert torch.equal(theory.implied(ROWS, theory.gram(ROWS, kept)), with_each == rank)


def test_a_table_of_five_numbers_is_bounded_as_counting_says():
    """Of all 3,003 training sets of 10 of 15 pairs: a pair is right at best if it is known, or if some known pair has
    its result and the equality of the two sums follows from the equations of the training set."""
    pairs, results = toy_table("add", 5)
    quadruples = parallelograms(results)
    rows = equations(pairs, quadruples, 5)
    known = torch.zeros(3003, 15, dtype=torch.bool)
    known.scatter_(1, torch.tensor([*combinations(range(15), 10)]), True)
    matrix = theory.gram(rows, inside(quadruples, known))
    found = reached(quadruples, theory.implied(rows, matrix), known)
    places = {tuple(pair): number for number, pair in enumerate(pairs.tolist())}
    for number in range(0, 3003, 97):
        own, right = known[number].tolist(), set(known[number].nonzero().flatten().tolist())
        own_rows = [row for row, (a, b) in zip(rows, quadruples.tolist(), strict=True) if own[a] and own[b]]
        rank = torch.linalg.matrix_rank(torch.stack(own_rows)) if own_rows else torch.tensor(0)
        for row, each in zip(rows, quadruples.tolist(), strict=True):
            follows = torch.linalg.matrix_rank(torch.stack([*own_rows, row])) == rank
            right |= set(each) if follows and any(own[pair] for pair in each) else set()
        assert found[number].nonzero().flatten().tolist() == sorted(right)
    assert not found[~known[:, places[0, 0]], places[0, 0]].any()  # nothing else has the sum 0


def test_sums_modulo_p_allow_no_line():
    pairs, results = toy_table("add_modulo", 7)
    quadruples = parallelograms(results)
    matrix = theory.gram(equations(pairs, quadruples, 7), torch.ones(len(quadruples), dtype=torch.bool))
    assert theory.nullity(matrix) == 1  # E_i + E_j = E_{i+j} + E_0 for all: a map of Z_p into the reals, so constant
