"""Quanta discovery from gradients (QDG; Michaud et al. 2023, Sec. 5): clusters of samples with similar gradients.

The input is a matrix of inner products from `gradient_gram`, for samples of any kind.
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

from grok.science.quanta.first_centers import FirstCenters
from grok.science.statistics.power_law import exponent

BLOCK = 500  # rows of a Gram matrix that are changed at once


def angular_similarity(gram: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Angular similarity 1 − arccos(C) / π of the cosines C: 1 for parallel gradients, 0 for opposite gradients.

    Cosines that rounding moves beyond ±1 are clipped, where the reference has NaN. A zero gradient has no direction; it
    counts as orthogonal to all others (1/2). Each sample's similarity to itself is 1. The result overwrites `gram`: for
    10,000 samples, each copy has 800 MB.
    """
    norms = gram.diagonal().sqrt()
    norms = norms.where(norms > 0, 1.0)
    for rows, own in zip(gram.split(BLOCK), norms.split(BLOCK), strict=True):
        rows.div_(torch.outer(own, norms)).clamp_(-1, 1).arccos_().div_(-math.pi).add_(1)
    return gram.fill_diagonal_(1)


def similarity_gap(similarity: Float[np.ndarray, "n n"], truth: Int[np.ndarray, " n"]) -> float:
    """Mean similarity within true clusters minus mean similarity between true clusters: above 0 in the paper (App.).

    Means are over pairs of samples. NaN if there are no pairs within or no pairs between clusters.
    """
    members = (truth[:, None] == np.unique(truth)).astype(float)
    sums, sizes = members.T @ similarity @ members, members.sum(0)
    n_within, n_between = (sizes * (sizes - 1)).sum(), sizes.sum() ** 2 - (sizes**2).sum()
    if not n_within or not n_between:
        return math.nan
    within = np.trace(sums) - np.trace(similarity)
    return float(within / n_within - (sums.sum() - np.trace(sums)) / n_between)


def spectral_clusterings(
    similarity: Float[np.ndarray, "n n"],
    *,
    counts: Sequence[int],
    n_init: int,
    full_n_init_up_to: int,
    seed: int,
    overwrite: bool = False,
) -> dict[int, Int[np.ndarray, " n"]]:
    """Cluster of each sample, for each number of clusters (the reference: 10, 20, … 1,500; n_init 30; no seed).

    The result is that of scikit-learn's `SpectralClustering(affinity="precomputed", assign_labels="kmeans")` for each
    count. The eigenvectors are computed once: those for fewer clusters are the first of those for more clusters.

    One initialization of k-means takes a time ∝ count². Up to `full_n_init_up_to` clusters there are `n_init`
    initializations; for more clusters n_init · (full_n_init_up_to / count)², at least 1, so that the time is the same.

    Cost on one thread, for 10,000 samples and the reference's counts: 2.6 minutes and 2.5 GB. With `overwrite`,
    similarities in double precision are lost and need not be copied (800 MB).

    Effect of fewer initializations, for 2,500 samples of a trained network and counts of 125 to 375 (medians over
    counts): with fewer than 10, the adjusted Rand index with 10 initializations from another seed is 0.42. Two
    clusterings with 10 initializations each have 0.40.
    """
    maps = laplacian_eigenmaps(similarity, n_columns=max(counts), overwrite=overwrite)
    return clusterings_of_maps(maps, counts=counts, n_init=n_init, full_n_init_up_to=full_n_init_up_to, seed=seed)


def clusterings_of_maps(
    maps: Float[np.ndarray, "n column"], *, counts: Sequence[int], n_init: int, full_n_init_up_to: int, seed: int
) -> dict[int, Int[np.ndarray, " n"]]:
    """The clusterings of `spectral_clusterings` from the eigenmaps, so that several seeds can share these."""
    maps = maps.astype(np.float32)  # half the time of double
    first_centers, clusterings = FirstCenters(maps), {}
    for count in sorted(counts):
        n_starts = max(1, min(n_init, int(n_init * (full_n_init_up_to / count) ** 2)))
        start = {"init": first_centers, "n_init": n_starts, "random_state": seed}
        clusterings[count] = k_means(maps[:, :count], count, **start)[1].astype(int)
    return {count: clusterings[count] for count in counts}


def laplacian_eigenmaps(
    similarity: Float[np.ndarray, "n n"], *, n_columns: int, overwrite: bool = False
) -> Float[np.ndarray, "n column"]:
    """Laplacian eigenmaps: the smoothest eigenvectors of the normalized Laplacian, each divided by D^½, constant first.

    The Laplacian is I − D^−½ S D^−½, where S has no diagonal and D is the row sums of S (Belkin & Niyogi 2003). Up to
    the sign and scale of each column this is scikit-learn's `spectral_embedding(drop_first=False)`. LAPACK in double
    precision replaces its ARPACK, which for 15 % of the eigenvectors takes three times as long and factorizes a second
    matrix. LAPACK reads one triangle. With `overwrite`, similarities in double precision are lost and not copied.
    """
    affinity = np.array(similarity, dtype=float, copy=None if overwrite else True)
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
    """Adjusted Rand index (Hubert & Arabie 1985): 1 for equal clusters with any labels, 0 at chance level."""
    return float(adjusted_rand_score(truth, clusters))


def sizes_by_rank(clusters: Int[np.ndarray, " n"]) -> Int[np.ndarray, " rank"]:
    """Cluster sizes, largest first."""
    return np.sort(np.unique(clusters, return_counts=True)[1])[::-1]


def envelope(clusterings: Sequence[Int[np.ndarray, " n"]]) -> Int[np.ndarray, " rank"]:
    """Largest cluster size at each rank, over all clusterings (Fig. 6 and 15)."""
    curves = [sizes_by_rank(clusters) for clusters in clusterings]
    longest = max(curve.size for curve in curves)
    largest: np.ndarray = np.max([np.pad(curve, (0, longest - curve.size)) for curve in curves], axis=0)
    return largest


def random_clusterings(n_samples: int, counts: Sequence[int], generator: Generator) -> list[Int[np.ndarray, " n"]]:
    """Random clusterings, a baseline: for each number of clusters, each sample is in a uniformly random cluster.

    Their envelope also falls. At each rank, the largest size is from a clustering with hardly more clusters than the
    rank. Each of its clusters has about 1 / count of the samples. Clusters of equal size give rank^−1; random
    differences in size make the envelope steeper.

    For 10,000 samples, the paper's counts and ranks 100 to 1,000, the exponent is −1.152, with a std of 0.005 over
    random clusterings. The paper has −1.1 on sparse parity and −1.24 on a language model.
    """
    return [torch.randint(count, (n_samples,), generator=generator).numpy() for count in counts]


def envelope_exponent(sizes: Int[np.ndarray, " rank"], *, from_rank: int, to_rank: int) -> float:
    """Exponent of size versus rank over a range of ranks (100 to 1,000 in the paper); −(α + 1) without bias."""
    return exponent(np.arange(1, sizes.size + 1), sizes, from_x=float(from_rank), to_x=float(to_rank))


def exponent_difference(first: Float[np.ndarray, ""], second: Float[np.ndarray, ""]) -> float:
    """Difference in steepness of two falling power laws: above 0 if the first is steeper."""
    return float(second - first)


def rank_order(clusters: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Indices of the samples ordered by cluster, largest cluster first: the order of similarity matrices (Fig. 15)."""
    _, labels, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    return np.lexsort((labels, -sizes[labels]))


def toy_clusters(
    *, n_subtasks: int, largest: int, zipf_exponent: float, n_dimensions: int, sigma: float, generator: Generator
) -> tuple[Float[Tensor, "n d"], Int[Tensor, " n"]]:
    """Points that represent gradients, and the subtask of each: the paper's model of QDG's bias (App.).

    Subtask i has ⌊largest / i^exponent⌋ points; subtasks with 0 points do not occur. The points are normal with std
    `sigma` in each dimension, around a center with standard normal coordinates. The paper has 1,000 subtasks, largest
    1,000, σ = 2 and 1,000 dimensions.
    """
    ranks = torch.arange(1, n_subtasks + 1, dtype=torch.float64)
    sizes = (largest / ranks**zipf_exponent + 1e-9).floor().long()  # 1e-9: 1000 / 10³ is rounded to .999…
    subtasks = torch.arange(n_subtasks).repeat_interleave(sizes)
    centers = torch.randn(n_subtasks, n_dimensions, generator=generator)
    points = centers[subtasks] + sigma * torch.randn(len(subtasks), n_dimensions, generator=generator)
    return points, subtasks
