"""Greedy k-means++ chooses the centers that scikit-learn chooses."""

import numpy as np
import pytest
from sklearn.cluster import kmeans_plusplus

from grok.science.numerics.k_means_start import spread_centers


@pytest.mark.parametrize(("dtype", "n_clusters"), [(np.float64, 40), (np.float32, 40), (np.float64, 1)])
def test_the_centers_are_those_of_scikit_learn(dtype, n_clusters):
    points = np.random.default_rng(0).normal(size=(300, 7)).astype(dtype)
    ours = spread_centers(points, n_clusters, np.random.RandomState(3))
    expected, _ = kmeans_plusplus(points, n_clusters, random_state=3)
    np.testing.assert_array_equal(ours, expected)
    assert ours.dtype == dtype


def test_points_that_are_equal_give_centers():
    assert (spread_centers(np.ones((5, 2)), 3, np.random.RandomState(0)) == 1).all()
