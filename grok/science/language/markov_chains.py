"""Markov chains from a prior, and predictors of their next token by counts (Edelman et al. 2024, arXiv:2402.11004)."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

PRIORS = ("dirichlet", "doubly_stochastic")
MAX_DOUBLY_STOCHASTIC = 6  # tokens; their 720 permutations are mixed


def random_chains(n: int, n_tokens: int, *, prior: str, rng: Generator) -> Float[np.ndarray, "chain token token"]:
    """Transition matrices P[i, j], the probability of j after i.

    `dirichlet`: the rows are independent and uniform on the simplex, Dirichlet(1, …, 1). `doubly_stochastic`: a mixture
    of all permutations, so that the columns sum to 1, too, and all tokens are equally frequent. Its weights are such
    that each entry has the distribution that it has under the first prior.
    """
    if prior == "dirichlet":
        rows = rng.standard_exponential((n, n_tokens, n_tokens))
        return np.asarray(rows / rows.sum(-1, keepdims=True))
    matrices = np.eye(n_tokens)[[*permutations(range(n_tokens))]]
    weights = rng.standard_gamma(1 / factorial(n_tokens - 1), (n, len(matrices)))
    return np.asarray(np.tensordot(weights / weights.sum(-1, keepdims=True), matrices, axes=1))


def stationary(chains: Float[np.ndarray, "chain token token"]) -> Float[np.ndarray, "chain token"]:
    """The stationary distribution π of each chain: π (1 − P) = 0 and Σ π = 1, so π (1 − P + E) = 1 for E of ones."""
    n_tokens = chains.shape[-1]
    matrices = (np.eye(n_tokens) - chains + 1).swapaxes(-1, -2)
    return np.asarray(np.linalg.solve(matrices, np.ones((len(chains), n_tokens, 1)))[..., 0])


def sample_sequences(
    chains: Float[np.ndarray, "chain token token"], length: int, *, rng: Generator
) -> Int[np.ndarray, "chain position"]:
    """A sequence of each chain. The first token has the stationary distribution."""
    n = len(chains)
    uniform, places = rng.random((length, n, 1)), np.arange(n)
    cumulative = chains.cumsum(-1)[..., :-1]  # without the last column, which is 1 up to rounding
    sequences = np.empty((length, n), dtype=np.int64)
    sequences[0] = (stationary(chains).cumsum(-1)[..., :-1] < uniform[0]).sum(-1)
    for position in range(1, length):
        sequences[position] = (cumulative[places, sequences[position - 1]] < uniform[position]).sum(-1)
    return np.ascontiguousarray(sequences.T)


def unigram_predictor(
    sequences: Int[np.ndarray, "sequence position"], n_tokens: int
) -> Float[np.ndarray, "sequence position token"]:
    """The probability of the next token at each position from the counts so far: (n_j + 1) / (n + k) for k tokens.

    It is the Bayes predictor of independent tokens with the prior Dirichlet(1, …, 1).
    """
    counts = np.eye(n_tokens)[sequences].cumsum(1) + 1
    return np.asarray(counts / counts.sum(-1, keepdims=True))


def bigram_predictor(
    sequences: Int[np.ndarray, "sequence position"], n_tokens: int
) -> Float[np.ndarray, "sequence position token"]:
    """The probability of the next token at each position from the transitions so far: (n_ij + 1) / (n_i + k) after i.

    It is the Bayes predictor of a chain with the prior Dirichlet(1, …, 1) on each row. For doubly stochastic chains, it
    is not: they have another prior.
    """
    one_hot = np.eye(n_tokens)[sequences]
    transitions = one_hot[:, :-1, :, None] * one_hot[:, 1:, None, :]
    counts = np.pad(transitions.cumsum(1), ((0, 0), (1, 0), (0, 0), (0, 0))) + 1
    after = np.take_along_axis(counts, sequences[:, :, None, None], 2)[:, :, 0]
    return np.asarray(after / after.sum(-1, keepdims=True))
