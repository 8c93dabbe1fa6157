"""First centers of k-means for many numbers of clusters of the same points, from their inner products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

BLOCK = 1000  # rows of inner products that are updated at once


class FirstCenters:
    """k-means++ (Arthur & Vassilvitskii 2007) on the first columns of points, with scikit-learn's random choices.

    It is an `init` of scikit-learn's `k_means` for one number of columns after another. scikit-learn computes the
    distances of each candidate from the points, in a time ∝ n · d; for as many centers as columns that is n · d² in
    all. Here, distances are from the inner products of all pairs of points. These are kept, and the next number of
    columns only adds to them: n² · d once, and n for each candidate. Points are centered first, because rounding would
    otherwise lose their distances. In single precision the products of 10,000 points take 400 MB.
    """

    def __init__(self, points: Float[np.ndarray, "n d"]) -> None:
        self.points = points - points.mean(0, dtype=np.float64).astype(points.dtype)
        self.products = np.zeros((len(points), len(points)), points.dtype)
        self.n_columns = 0

    def __call__(
        self, points: Float[np.ndarray, "n column"], count: int, random_state: np.random.RandomState
    ) -> Float[np.ndarray, "count column"]:
        """Rows of `points`, which are the first columns of all points, up to a shift (`k_means` subtracts the mean).

        Raises:
            ValueError: there are fewer columns than in an earlier call.
        """
        self._add_columns(points.shape[1])
        centers: np.ndarray = points[self._indices(count, random_state)]
        return centers

    def _add_columns(self, n_columns: int) -> None:
        """Extend the inner products to this number of columns."""
        if n_columns < self.n_columns:
            raise ValueError(f"{n_columns} columns after {self.n_columns}: the number of columns must not fall")
        added = self.points[:, self.n_columns : n_columns]
        if added.size:
            for start in range(0, len(added), BLOCK):
                self.products[start : start + BLOCK] += added[start : start + BLOCK] @ added.T
        self.n_columns = n_columns

    def _indices(self, count: int, random_state: np.random.RandomState) -> Int[np.ndarray, " count"]:
        n_points, n_trials = len(self.points), 2 + int(math.log(count))
        chosen = [int(random_state.choice(n_points, p=np.full(n_points, 1 / n_points)))]  # p: as scikit-learn draws
        nearest = self._distances(chosen)[0]
        while len(chosen) < count:
            cumulative = nearest.cumsum()
            drawn = np.searchsorted(cumulative, random_state.uniform(size=n_trials) * cumulative[-1])
            candidates = np.minimum(drawn, n_points - 1)  # rounding can draw beyond the last
            distances = np.minimum(nearest, self._distances(candidates))
            best = distances.sum(1).argmin()
            chosen.append(int(candidates[best]))
            nearest = distances[best]
        return np.array(chosen)

    def _distances(self, indices: Sequence[int] | Int[np.ndarray, " m"]) -> Float[np.ndarray, "m n"]:
        """Squared distances of the points with these indices to all points, in double precision."""
        norms = self.products.diagonal().astype(np.float64)
        distances: np.ndarray = np.maximum(norms + norms[indices][:, None] - 2 * self.products[indices], 0)
        return distances
