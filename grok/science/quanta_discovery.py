"""Quanta discovery from gradients (QDG; Michaud et al. 2023, Sec. 5): clusters of samples whose gradients point alike.

From the inner products of `gradient_gram` on. Nothing here knows what the samples are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.cluster import k_means
from sklearn.manifold import spectral_embedding
from sklearn.metrics import adjusted_rand_score
from torch import Generator, Tensor

from grok.science.power_law import exponent


def angular_similarity(gram: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """1 − arccos(C) / π of the cosines C: 1 where two gradients point the same way, 0 where opposite ways.

    Cosines that rounding carries beyond ±1 are clipped, where the reference has NaN. A gradient of zero has no
    direction: it is taken as at right angles to all others (1/2). Each sample's similarity to itself is 1.
    """
    norms = gram.diagonal().sqrt()
    norms = norms.where(norms > 0, 1.0)
    cosines = torch.outer(norms, norms)
    torch.div(gram, cosines, out=cosines)  # in place from here on: of 10,000 samples each copy is 400 MB
    return cosines.clamp_(-1, 1).arccos_().div_(-math.pi).add_(1).fill_diagonal_(1)


def similarity_gap(similarity: Float[np.ndarray, "n n"], truth: Int[np.ndarray, " n"]) -> float:
    """The mean similarity of two samples of one true cluster, less that of samples of two: above 0 in the paper (App.).

    NaN where there are no two of one, or all are of one.
    """
    members = (truth[:, None] == np.unique(truth)).astype(float)
    sums, sizes = members.T @ similarity @ members, members.sum(0)
    n_within, n_between = (sizes * (sizes - 1)).sum(), sizes.sum() ** 2 - (sizes**2).sum()
    if not n_within or not n_between:
        return math.nan
    within = np.trace(sums) - np.trace(similarity)
    return float(within / n_within - (sums.sum() - np.trace(sums)) / n_between)


def spectral_clusterings(
    similarity: Float[np.ndarray, "n n"], *, counts: Sequence[int], n_init: int, seed: int
) -> dict[int, Int[np.ndarray, " n"]]:
    """Each sample's cluster, for each number of clusters (the reference: 10, 20, … 1,500; n_init 30; no seed).

    What scikit-learn's `SpectralClustering(affinity="precomputed", assign_labels="kmeans")` does for each number in
    turn, with the eigenvectors, the dear part, computed once: those for fewer clusters are the first of those for more.
    10,000 samples take some 4.5 GB in all (7,069: 2.5 GB), for it is told to work in double precision.
    """
    affinity = np.add(similarity, similarity.T, dtype=float)  # symmetric to the last bit, as products are not
    affinity /= 2
    maps = spectral_embedding(affinity, n_components=max(counts), random_state=seed, drop_first=False)
    return {count: k_means(maps[:, :count], count, random_state=seed, n_init=n_init)[1].astype(int) for count in counts}


def agreement(clusters: Int[np.ndarray, " n"], truth: Int[np.ndarray, " n"]) -> float:
    """The adjusted Rand index (Hubert & Arabie 1985): 1 for the same clusters by whatever names, 0 by chance."""
    return float(adjusted_rand_score(truth, clusters))


def sizes_by_rank(clusters: Int[np.ndarray, " n"]) -> Int[np.ndarray, " rank"]:
    """The sizes of the clusters, the largest first."""
    return np.sort(np.unique(clusters, return_counts=True)[1])[::-1]


def envelope(clusterings: Sequence[Int[np.ndarray, " n"]]) -> Int[np.ndarray, " rank"]:
    """At each rank the largest size that a cluster has there, over all clusterings (Fig. 6 and 15)."""
    curves = [sizes_by_rank(clusters) for clusters in clusterings]
    longest = max(curve.size for curve in curves)
    highest: np.ndarray = np.max([np.pad(curve, (0, longest - curve.size)) for curve in curves], axis=0)
    return highest


def envelope_exponent(sizes: Int[np.ndarray, " rank"], *, from_rank: int, to_rank: int) -> float:
    """The exponent of size against rank over a range of ranks (100 to 1,000 in the paper); −(α + 1) without bias."""
    return exponent(np.arange(1, sizes.size + 1), sizes, from_x=float(from_rank), to_x=float(to_rank))


def rank_order(clusters: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The samples by cluster, those of the largest first: in which order to draw a similarity matrix (Fig. 15)."""
    _, named, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    return np.lexsort((named, -sizes[named]))


def toy_clusters(
    *, n_subtasks: int, largest: int, zipf_exponent: float, n_dimensions: int, sigma: float, generator: Generator
) -> tuple[Float[Tensor, "n d"], Int[Tensor, " n"]]:
    """Points that stand for gradients, with the subtask of each: the paper's model of QDG's bias (App.).

    Subtask i has ⌊largest / i^exponent⌋ of them (1,000 subtasks, largest 1,000), normal with σ = 2 in each of 1,000
    dimensions around a centre whose coordinates are standard normal; those with none do not occur.
    """
    ranks = torch.arange(1, n_subtasks + 1, dtype=torch.float64)
    sizes = (largest / ranks**zipf_exponent + 1e-9).floor().long()  # 1e-9: of 1000 / 10³ rounding leaves .999…
    subtasks = torch.arange(n_subtasks).repeat_interleave(sizes)
    centres = torch.randn(n_subtasks, n_dimensions, generator=generator)
    points = centres[subtasks] + sigma * torch.randn(len(subtasks), n_dimensions, generator=generator)
    return points, subtasks
