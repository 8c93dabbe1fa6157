"""Chains come from their prior, sequences from their chain, and the predictors are those of Bayes."""

import numpy as np
import pytest
from scipy.special import beta

from grok.science.language.markov_chains import (
    bigram_predictor,
    random_chains,
    sample_sequences,
    stationary,
    unigram_predictor,
)


def chains(prior: str, n: int, n_tokens: int = 3) -> np.ndarray:
    return random_chains(n, n_tokens, prior=prior, rng=np.random.default_rng(0))


@pytest.mark.parametrize("n_tokens", [2, 3, 4])
@pytest.mark.parametrize("prior", ["dirichlet", "doubly_stochastic"])
def test_entries_have_the_moments_of_a_uniform_point_on_the_simplex(prior, n_tokens):
    matrices = chains(prior, 20_000, n_tokens)
    np.testing.assert_allclose(matrices.sum(2), 1)
    np.testing.assert_allclose(matrices.mean(0), 1 / n_tokens, atol=0.01)
    np.testing.assert_allclose((matrices**2).mean(0), 2 / (n_tokens * (n_tokens + 1)), atol=0.01)
    if prior == "doubly_stochastic":
        np.testing.assert_allclose(matrices.sum(1), 1)
        np.testing.assert_allclose(stationary(matrices), 1 / n_tokens)


def test_the_stationary_distribution_is_kept_by_the_chain():
    matrices = chains("dirichlet", 50)
    distribution = stationary(matrices)
    np.testing.assert_allclose(np.einsum("ni,nij->nj", distribution, matrices), distribution)
    np.testing.assert_allclose(distribution.sum(1), 1)


def test_sequences_have_the_frequencies_of_their_chain():
    matrix = chains("dirichlet", 1)
    sequences = sample_sequences(matrix.repeat(40_000, 0), 3, rng=np.random.default_rng(1))
    for position in range(3):
        np.testing.assert_allclose(np.bincount(sequences[:, position]) / 40_000, stationary(matrix)[0], atol=0.01)
    counts = np.zeros((3, 3))
    np.add.at(counts, (sequences[:, :-1].ravel(), sequences[:, 1:].ravel()), 1)
    np.testing.assert_allclose(counts / counts.sum(1, keepdims=True), matrix[0], atol=0.01)


def test_a_chain_that_never_changes_its_mind_is_predicted_by_counting():
    """0 → 1 → 2 → 0: after n transitions from a token, the right one has probability (n + 1) / (n + 3)."""
    sequence = np.arange(30)[None] % 3
    following, n_seen = (sequence[0] + 1) % 3, np.arange(30) // 3
    right = bigram_predictor(sequence, 3)[0, np.arange(30), following]
    np.testing.assert_allclose(right, (n_seen + 1) / (n_seen + 3))
    counts = np.stack([(np.arange(30) + 3 - token) // 3 for token in range(3)], 1)
    np.testing.assert_allclose(unigram_predictor(sequence, 3)[0], (counts + 1) / (np.arange(1, 31) + 3)[:, None])


def test_the_bigram_predictor_is_the_posterior_mean():
    """For two tokens, ∫ q · q^m (1 − q)^n dq / ∫ q^m (1 − q)^n dq, where q is the probability of a 1."""
    sequences = sample_sequences(chains("dirichlet", 5, 2), 12, rng=np.random.default_rng(2))
    predicted = bigram_predictor(sequences, 2)
    for number, sequence in enumerate(sequences):
        for position in range(12):
            after = [sequence[i + 1] for i in range(position) if sequence[i] == sequence[position]]
            ones, zeros = sum(after), len(after) - sum(after)
            expected = beta(ones + 2, zeros + 1) / beta(ones + 1, zeros + 1)
            assert predicted[number, position, 1] == pytest.approx(expected)


def test_the_predictors_have_the_losses_that_an_independent_program_found():
    """Nats for contexts of 100 tokens, computed once with a program of its own for this project's notes."""
    for n_tokens, unigram, bigram in ((2, 0.5789, 0.5152), (3, 1.0036, 0.8856)):
        sequences = sample_sequences(chains("dirichlet", 4000, n_tokens), 101, rng=np.random.default_rng(3))
        for predictor, expected in ((unigram_predictor, unigram), (bigram_predictor, bigram)):
            right = np.take_along_axis(predictor(sequences[:, :-1], n_tokens), sequences[:, 1:, None], 2)
            assert -np.log(right).mean() == pytest.approx(expected, abs=0.008)
