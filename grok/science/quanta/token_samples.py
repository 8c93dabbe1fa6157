"""Which tokens of a text quanta discovery compares (Michaud et al. 2023, Sec. 5 and App.)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from grok.science.language.token_classes import repeats


class TokenSamples(NamedTuple):
    """Predicted tokens: the example, and the position whose output predicts the token."""

    examples: Int[np.ndarray, " sample"]
    positions: Int[np.ndarray, " sample"]


def first_of_each(keys: Int[np.ndarray, " n"], n_first: int) -> Bool[np.ndarray, " n"]:
    """Whether an entry is among the first `n_first` entries with its key."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    number = np.arange(len(keys)) - np.repeat(starts, np.diff(starts, append=len(keys)))
    chosen = np.empty(len(keys), bool)
    chosen[order] = number < n_first
    return chosen


def bigrams(
    samples: TokenSamples, sequences: Int[np.ndarray, "example token"], n_tokens: int
) -> Int[np.ndarray, " sample"]:
    """A number for the predicted token and the one before it."""
    before, token = (sequences[samples.examples, samples.positions + shift].astype(np.int64) for shift in (0, 1))
    pairs: np.ndarray = before * n_tokens + token
    return pairs


def learned_tokens(
    loss: Float[np.ndarray, "example position"],
    sequences: Int[np.ndarray, "example token"],
    *,
    n_tokens: int,
    n: int,
    max_loss: float,
    max_per_bigram: int,
) -> TokenSamples:
    """`n` tokens with a loss below `max_loss` nats, in random order; fewer if there are fewer.

    Row i of `sequences` has the inputs of example i and, as last token, the target of its last position. A loss of NaN
    does not count. Tokens that a repeated trigram gives away are left out: copying predicts them. Of each bigram, the
    first `max_per_bigram` tokens count. Networks on the same sequences search them in the same random order, so that
    their samples overlap.
    """
    learned = (loss < max_loss) & ~repeats(sequences, n=3)[:, 1:]
    order = np.random.default_rng(0).permutation(loss.size)
    order = order[learned.flat[order]]
    samples = TokenSamples(*np.unravel_index(order, loss.shape))
    kept = np.flatnonzero(first_of_each(bigrams(samples, sequences, n_tokens), max_per_bigram))[:n]
    return TokenSamples(samples.examples[kept], samples.positions[kept])
