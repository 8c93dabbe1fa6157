"""First centers of k-means are those of scikit-learn."""

import numpy as np
import pytest
from sklearn.cluster import k_means, kmeans_plusplus

from grok.science.quanta.first_centers import BLOCK, FirstCenters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_centers_are_those_of_scikit_learn_for_every_number_of_columns(dtype):
    points = (100 + np.random.default_rng(0).normal(size=(BLOCK + 100, 30))).astype(dtype)
    first = FirstCenters(points)
    for count in (5, 12, 30):
        for seed in range(5):
            ours = first(points[:, :count], count, np.random.RandomState(seed))
            theirs, _ = kmeans_plusplus(points[:, :count].astype(float), count, random_state=seed)
            np.testing.assert_array_equal(ours, theirs.astype(dtype))


def test_k_means_has_the_same_clusters_as_with_its_own_first_centers():
    centers = 10 * np.random.default_rng(1).normal(size=(8, 8))
    points = centers.repeat(20, 0) + np.random.default_rng(2).normal(size=(160, 8))
    first = FirstCenters(points)
    for seed in range(3):
        ours, theirs = (k_means(points, 8, init=init, n_init=3, random_state=seed) for init in (first, "k-means++"))
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_a_number_of_columns_that_falls_is_refused():
    points = np.random.default_rng(0).normal(size=(20, 5))
    first = FirstCenters(points)
    first(points[:, :4], 4, np.random.RandomState(0))
    with pytest.raises(ValueError, match="must not fall"):
        first(points[:, :3], 3, np.random.RandomState(0))


def test_all_different_points_are_chosen_before_equal_ones():
    points = np.repeat(np.eye(3), [1, 6, 2], 0)
    first = FirstCenters(points)
    for seed in range(5):
        assert len(np.unique(first(points, 4, np.random.RandomState(seed)), axis=0)) == 3
