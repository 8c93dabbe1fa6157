"""Measures of clusters of tokens: coherence, order, agreement with known classes and between networks, and nulls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from grok.science.quanta.discovery import agreement

# A coherent cluster has at least this many samples and distinct bigrams, and a larger mean cosine than this.
MIN_SAMPLES, MIN_BIGRAMS, MIN_COSINE = 5, 3, 0.2

Clusters = Int[np.ndarray, " n"]  # the number of each sample's cluster, from 0


def coherences(similarity: Float[np.ndarray, "n n"], clusters: Int[np.ndarray, " n"]) -> Float[np.ndarray, " cluster"]:
    """Mean cosine of two gradients of the same cluster, for each cluster; NaN for a cluster of one sample."""
    means = np.full(clusters.max() + 1, math.nan)
    for cluster in range(len(means)):
        members = np.flatnonzero(clusters == cluster)
        if members.size > 1:
            angles = math.pi * (1 - similarity[np.ix_(members, members)].astype(float))
            means[cluster] = (np.cos(angles).sum() - members.size) / (members.size * (members.size - 1))
    return means


def are_coherent(
    similarity: Float[np.ndarray, "n n"], clusters: Int[np.ndarray, " n"], bigrams: Int[np.ndarray, " n"]
) -> Bool[np.ndarray, " cluster"]:
    """Whether each cluster is coherent: not small, not one bigram, and with similar gradients."""
    sizes = np.bincount(clusters)
    pairs = np.unique(np.stack([clusters, bigrams], 1), axis=0)
    n_bigrams = np.bincount(pairs[:, 0], minlength=sizes.size)
    with np.errstate(invalid="ignore"):
        alike = coherences(similarity, clusters) > MIN_COSINE
    coherent: np.ndarray = (sizes >= MIN_SAMPLES) & (n_bigrams >= MIN_BIGRAMS) & alike
    return coherent


def by_coherence(
    similarity: Float[np.ndarray, "n n"], clusters: Int[np.ndarray, " n"], bigrams: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """The clusters, numbered anew: coherent ones first, each kind from the largest to the smallest mean cosine."""
    means = np.nan_to_num(coherences(similarity, clusters), nan=-math.inf)
    order = np.lexsort((-means, ~are_coherent(similarity, clusters, bigrams)))
    ranks = np.empty_like(order)
    ranks[order] = np.arange(order.size)
    renumbered: np.ndarray = ranks[clusters]
    return renumbered


def typical_order(similarity: Float[np.ndarray, "n n"], clusters: Clusters) -> Int[np.ndarray, " n"]:
    """The samples in the order of their clusters, within a cluster from the most to the least similar to the others."""
    typical = np.empty(len(clusters))
    for cluster in range(clusters.max() + 1):
        members = np.flatnonzero(clusters == cluster)
        typical[members] = similarity[np.ix_(members, members)].mean(1)
    return np.lexsort((-typical, clusters))


def binned(similarity: Float[np.ndarray, "n n"], *, n_bins: int) -> Float[np.ndarray, "bin bin"]:
    """The mean similarities of blocks of about n / `n_bins` neighboring samples; with few samples, one per block."""
    n = len(similarity)
    starts = np.unique(np.linspace(0, n, min(n_bins, n), endpoint=False).astype(int))
    sums = np.add.reduceat(np.add.reduceat(similarity, starts, 0), starts, 1)
    widths = np.diff(starts, append=n)
    means: np.ndarray = sums / np.outer(widths, widths)
    return means


def randomized(clusterings: Sequence[Clusters]) -> list[Clusters]:
    """Each clustering with its samples in random order: clusters of the same sizes."""
    rng = np.random.default_rng(0)
    return [rng.permutation(each) for each in clusterings]


def n_coherent(
    similarity: Float[np.ndarray, "n n"], clusterings: Sequence[Clusters], bigrams: Int[np.ndarray, " n"]
) -> float:
    """The number of coherent clusters, median over clusterings."""
    return float(np.median([are_coherent(similarity, each, bigrams).sum() for each in clusterings]))


def coherent_agreement(
    similarity: Float[np.ndarray, "n n"], clusterings: Sequence[Clusters], bigrams: Int[np.ndarray, " n"]
) -> float:
    """The adjusted Rand index of two clusterings on the samples in coherent clusters of both, median over pairs."""
    chosen = [are_coherent(similarity, each, bigrams)[each] for each in clusterings]
    pairs = combinations(zip(clusterings, chosen, strict=True), 2)
    return float(np.median([agreement_of_members(a, b, in_a & in_b) for (a, in_a), (b, in_b) in pairs]))


def largest(groups: Clusters, n: int) -> Int[np.ndarray, " group"]:
    """The numbers of the n largest groups."""
    return np.argsort(-np.bincount(groups), kind="stable")[:n]


def shuffled_similarity(similarity: Float[np.ndarray, "n n"], seed: int) -> Float[np.ndarray, "n n"]:
    """The similarities of all pairs in random order: a null without structure."""
    upper = np.triu(np.ones(similarity.shape, bool), 1)
    values = similarity[upper]
    np.random.default_rng(seed).shuffle(values)
    shuffled = np.zeros_like(similarity)
    shuffled[upper] = values
    shuffled += shuffled.T
    np.fill_diagonal(shuffled, 1)
    return shuffled


def best_f1(clusters: Int[np.ndarray, " n"], truth: Bool[np.ndarray, " n"]) -> float:
    """F1 of the cluster that matches the class best: 1 if a cluster is the class. NaN without a sample of it."""
    if not truth.any():
        return math.nan
    return float((2 * np.bincount(clusters, weights=truth) / (np.bincount(clusters) + truth.sum())).max())


def median_best_f1(clusterings: Sequence[Sequence[Clusters]], truth: Bool[np.ndarray, " n"]) -> float:
    """The F1 of the best cluster of each seed's clusterings, median over seeds."""
    return float(np.median([max(best_f1(each, truth) for each in seed) for seed in clusterings]))


def agreement_of_members(
    first: Int[np.ndarray, " n"], second: Int[np.ndarray, " n"], members: Bool[np.ndarray, " n"]
) -> float:
    """The adjusted Rand index of two clusterings of the same samples, on some of them; NaN for fewer than two."""
    return agreement(first[members], second[members]) if members.sum() > 1 else math.nan


def mutual_agreements(clusterings: Sequence[Int[np.ndarray, " n"]]) -> Float[np.ndarray, "clustering clustering"]:
    """The adjusted Rand index of each two clusterings; 1 on the diagonal."""
    indices = np.eye(len(clusterings))
    for first, second in combinations(range(len(clusterings)), 2):
        indices[first, second] = indices[second, first] = agreement(clusterings[first], clusterings[second])
    return indices


def agreement_of_networks(
    networks: np.ndarray,
    samples: np.ndarray,
    numbers: np.ndarray,
    places: Float[np.ndarray, "network sample"],
    clusters: Float[np.ndarray, "network sample"],
    coherent: Float[np.ndarray, "network cluster"],
) -> float:
    """The mean adjusted Rand index of two networks' clusters, on tokens that are in coherent clusters of both.

    `places` says which token a sample is, `clusters` the number of its cluster, from 1. NaN if any two networks share
    fewer than two such tokens.
    """
    indices = []
    for pair in combinations(range(len(networks)), 2):
        _, *common = np.intersect1d(*places[[*pair]], return_indices=True)
        labels = [
            np.nan_to_num(clusters[each, chosen]).astype(int) - 1 for each, chosen in zip(pair, common, strict=True)
        ]
        both = np.all([coherent[each, own] == 1 for each, own in zip(pair, labels, strict=True)], axis=0)
        indices.append(agreement_of_members(labels[0], labels[1], both))
    return float(np.mean(indices))


def median_ratio(parts: np.ndarray, tested: np.ndarray, changes: Float[np.ndarray, "part tested"]) -> float:
    """The median absolute change in the first part divided by that in the second; the parts are inside and outside."""
    inside, outside = np.nanmedian(np.abs(changes), axis=1)
    return float(inside / outside)


def selectivity_ratio(
    groupings: np.ndarray,
    parts: np.ndarray,
    tested: np.ndarray,
    changes: Float[np.ndarray, "grouping part tested"],
    *,
    numerator: str,
    denominator: str,
) -> float:
    """The `median_ratio` of one grouping's changes divided by that of another's."""
    places = [groupings.tolist().index(each) for each in (numerator, denominator)]
    above, below = (median_ratio(parts, tested, changes[place]) for place in places)
    return above / below
