"""Quanta discovery from gradients (QDG; Michaud et al. 2023, Sec. 5): clusters of samples whose gradients point alike.

From the inner products of `gradient_gram` on. Nothing here knows what the samples are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import eigh
from sklearn.cluster import k_means
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
    similarity: Float[np.ndarray, "n n"], *, counts: Sequence[int], n_init: int, all_starts_to: int, seed: int
) -> dict[int, Int[np.ndarray, " n"]]:
    """Each sample's cluster, for each number of clusters (the reference: 10, 20, … 1,500; n_init 30; no seed).

    What scikit-learn's `SpectralClustering(affinity="precomputed", assign_labels="kmeans")` does for each number in
    turn, with the eigenvectors computed once: those for fewer clusters are the first of those for more. One start of
    k-means takes a time ∝ count², most of it for k-means++, so that there are `n_init` up to `all_starts_to` clusters
    and beyond that as many as take no longer, n_init · (all_starts_to / count)², or one.

    10,000 samples on one thread: the eigenvectors for the reference's counts 133 s, a start with 1,500 clusters 52 s,
    at most 2.4 GB in the process, the similarities included; all its counts, with 30 starts to 100, 13 minutes.
    Of 2,500 samples of a trained network, with counts of 125 to 375, clusters of fewer starts than 10 have an adjusted
    Rand index of 0.42 with those of 10 from another seed, and two of 10 have 0.40 (medians over counts).
    """
    maps = laplacian_eigenmaps(similarity, n_columns=max(counts)).astype(np.float32)  # half the time of double
    found = {}
    for count in counts:
        starts = max(1, min(n_init, int(n_init * (all_starts_to / count) ** 2)))
        found[count] = k_means(maps[:, :count], count, random_state=seed, n_init=starts)[1].astype(int)
    return found


def laplacian_eigenmaps(similarity: Float[np.ndarray, "n n"], *, n_columns: int) -> Float[np.ndarray, "n column"]:
    """Coordinates of the samples: the smoothest eigenvectors of the graph's normalised Laplacian I − D^−½ S D^−½, each
    divided by D^½, the constant one first (Belkin & Niyogi 2003; S without its diagonal, D its sums).

    To the sign and scale of each column scikit-learn's `spectral_embedding(drop_first=False)`, by LAPACK in double
    precision: for 15 % of the eigenvectors its ARPACK takes three times as long, and factorises a second matrix.
    """
    affinity = np.add(similarity, similarity.T, dtype=float)  # symmetric, as products are not; in place from here on
    np.fill_diagonal(affinity, 0)
    sums = affinity.sum(0)
    roots = np.sqrt(np.where(sums > 0, sums, 1))
    affinity /= roots
    affinity /= roots[:, None]
    chosen = (len(roots) - n_columns, len(roots) - 1)
    _, vectors = eigh(affinity.T, subset_by_index=chosen, overwrite_a=True, check_finite=False)  # .T: without a copy
    maps: np.ndarray = vectors[:, ::-1] / roots[:, None]
    return maps


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


def random_clusterings(n_samples: int, counts: Sequence[int], generator: Generator) -> list[Int[np.ndarray, " n"]]:
    """Clusters that know nothing: for each number of them, each sample is in any one as likely as not.

    Their envelope falls as well, for at each rank it is of the clustering that has hardly more clusters than that, with
    1 / count of the samples in each: clusters of equal size give rank^−1, and those that chance makes larger and
    smaller a steeper one. Of 10,000 samples, with the paper's counts and ranks 100 to 1,000, the exponent is −1.152, of
    standard deviation 0.005 over draws, where the paper has −1.1 on sparse parity and −1.24 on a language model.
    """
    return [torch.randint(count, (n_samples,), generator=generator).numpy() for count in counts]


def envelope_exponent(sizes: Int[np.ndarray, " rank"], *, from_rank: int, to_rank: int) -> float:
    """The exponent of size against rank over a range of ranks (100 to 1,000 in the paper); −(α + 1) without bias."""
    return exponent(np.arange(1, sizes.size + 1), sizes, from_x=float(from_rank), to_x=float(to_rank))


def steeper_by(exponent_of_one: Float[np.ndarray, ""], exponent_of_other: Float[np.ndarray, ""]) -> float:
    """By how much one falling power law is steeper than another; below 0 where it is flatter."""
    return float(exponent_of_other - exponent_of_one)


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
