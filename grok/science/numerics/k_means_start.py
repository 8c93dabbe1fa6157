"""First centers of k-means by greedy k-means++ (Arthur & Vassilvitskii 2007), in the precision of the points."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float


def spread_centers(
    points: Float[np.ndarray, "n d"], n_clusters: int, random_state: np.random.RandomState
) -> Float[np.ndarray, "cluster d"]:
    """The centers of scikit-learn's `kmeans_plusplus`, from the same random numbers; an `init` of its `k_means`.

    scikit-learn converts single precision to double in every step, which for many clusters takes most of the time of
    k-means.
    """
    squares, columns = np.einsum("nd,nd->n", points, points), np.ascontiguousarray(points.T)  # a faster product

    def distances(chosen: np.ndarray) -> Float[np.ndarray, "chosen n"]:
        """The squared distances of all points from the chosen ones."""
        found = points[chosen] @ columns
        found *= -2
        found += squares
        found += squares[chosen, None]
        found[np.arange(len(chosen)), chosen] = 0
        np.maximum(found, 0, out=found)
        return found

    first = random_state.choice(len(points), p=np.full(len(points), 1 / len(points)))
    centers, nearest = [first], distances(np.array([first]))[0]
    for _ in range(1, n_clusters):
        cumulative = np.cumsum(nearest, dtype=float)
        drawn = random_state.uniform(size=2 + int(math.log(n_clusters))) * cumulative[-1]
        candidates = np.searchsorted(cumulative, drawn).clip(max=len(points) - 1)
        by_candidate = np.minimum(distances(candidates), nearest)
        best = by_candidate.sum(1, dtype=float).argmin()
        centers.append(candidates[best])
        nearest = by_candidate[best]
    return points[centers]
