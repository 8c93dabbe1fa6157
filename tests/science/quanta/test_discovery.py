"""Clusters of samples by their gradients."""

import numpy as np
import pytest
import torch
from sklearn.cluster import SpectralClustering
from sklearn.manifold import spectral_embedding

from grok.science.quanta.discovery import (
    agreement,
    angular_similarity,
    envelope,
    envelope_exponent,
    exponent_difference,
    laplacian_eigenmaps,
    random_clusterings,
    rank_order,
    similarity_gap,
    sizes_by_rank,
    spectral_clusterings,
    toy_clusters,
)
from grok.science.quanta.gradient_gram import gram


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_parallel_gradients_have_similarity_one_opposite_ones_zero_and_orthogonal_ones_a_half():
    vectors = torch.tensor([[1.0, 3, 0], [1e-6, 3e-6, 0], [-2, -6, 0], [3, -1, 5], [0, 0, 0]])
    expected = torch.tensor([[1, 1, 0, 0.5, 0.5], [1, 1, 0, 0.5, 0.5], [0, 0, 1, 0.5, 0.5]])
    similarity = angular_similarity(gram(vectors))
    torch.testing.assert_close(similarity[:3], expected, atol=3e-4, rtol=0)  # arccos in single precision, near ±1
    assert similarity[4].tolist() == [0.5] * 4 + [1]  # a zero gradient has no direction
    assert torch.equal(similarity, similarity.T)


def test_rounding_never_makes_a_similarity_nan():
    same = torch.randn(1, 1000, generator=generator()).expand(50, -1) * torch.rand(50, 1, generator=generator())
    assert (angular_similarity(gram(same)) > 0.999).all()


def test_the_gap_is_between_pairs_within_a_cluster_and_pairs_of_two_clusters():
    similarity = np.array([[1, 0.9, 0.4, 0.5], [0.9, 1, 0.6, 0.5], [0.4, 0.6, 1, 0.7], [0.5, 0.5, 0.7, 1]])
    assert similarity_gap(similarity, np.array([3, 3, 0, 0])) == pytest.approx((0.9 + 0.7) / 2 - 0.5)
    assert np.isnan(similarity_gap(similarity, np.arange(4))) and np.isnan(similarity_gap(similarity, np.zeros(4, int)))


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray]:
    points, truth = toy_clusters(
        n_subtasks=6, largest=40, zipf_exponent=1.0, n_dimensions=200, sigma=0.5, generator=generator()
    )
    return angular_similarity(gram(points)).numpy(), truth.numpy()


def test_planted_clusters_are_found(planted):
    similarity, truth = planted
    clusters = spectral_clusterings(similarity, counts=[6], n_init=10, full_n_init_up_to=6, seed=0)[6]
    assert agreement(clusters, truth) == 1 and sizes_by_rank(clusters).tolist() == [40, 20, 13, 10, 8, 6]


def test_eigenmaps_equal_those_of_scikit_learn(planted):
    similarity, _ = planted
    ours = laplacian_eigenmaps(similarity, n_columns=6)
    sklearn = spectral_embedding(similarity.astype(float), n_components=6, random_state=0, drop_first=False)
    ours, sklearn = (each / np.linalg.norm(each, axis=0) for each in (ours, sklearn))
    np.testing.assert_allclose(np.abs((ours * sklearn).sum(0)), 1)  # the sign and norm of a column have no meaning


def test_a_sample_with_no_similarity_to_others_has_its_own_column():
    similarity = np.array([[1.0, 0.5, 0.6, 0], [0.5, 1, 0.5, 0], [0.6, 0.5, 1, 0], [0, 0, 0, 1]])
    maps = laplacian_eigenmaps(similarity, n_columns=2)
    np.testing.assert_allclose(np.abs(maps[:, 1] / maps[3, 1]), [0, 0, 0, 1], atol=1e-12)


def test_shared_eigenvectors_give_the_clusters_of_eigenvectors_computed_for_each_count(planted):
    similarity, _ = planted
    clusterings = spectral_clusterings(similarity, counts=[3, 6, 9], n_init=30, full_n_init_up_to=9, seed=0)
    for count in (3, 6):  # 9 is more than the true 6 clusters, and which ones are split is random
        sklearn = SpectralClustering(count, affinity="precomputed", n_init=30, random_state=0)
        assert agreement(clusterings[count], sklearn.fit(similarity.astype(float)).labels_) == 1


def test_agreement_ignores_labels_and_is_zero_at_chance_level():
    truth = np.repeat(np.arange(4), 250)
    assert agreement((truth + 1) % 4, truth) == 1
    assert agreement(np.random.default_rng(0).permutation(truth), truth) == pytest.approx(0, abs=0.01)


def test_the_envelope_is_the_largest_size_at_each_rank():
    coarse, fine = np.array([7] * 6 + [2] * 4), np.array([0, 1, 2, 2, 2, 2, 3, 3, 3, 3])
    assert sizes_by_rank(coarse).tolist() == [6, 4] and sizes_by_rank(fine).tolist() == [4, 4, 1, 1]
    assert envelope([coarse, fine]).tolist() == [6, 4, 1, 1]
    assert rank_order(coarse[::-1]).tolist() == [*range(4, 10), *range(4)]


def test_one_initialization_finds_clear_clusters(planted):
    similarity, truth = planted
    fewer = spectral_clusterings(similarity, counts=[3, 6], n_init=10, full_n_init_up_to=2, seed=0)
    one = spectral_clusterings(similarity, counts=[3, 6], n_init=1, full_n_init_up_to=6, seed=0)
    assert agreement(fewer[6], one[6]) == 1 == agreement(fewer[6], truth)  # 10 · (2 / 6)² is one initialization


def test_the_order_of_the_counts_does_not_matter(planted):
    similarity, _ = planted
    rising, falling = (
        spectral_clusterings(similarity, counts=counts, n_init=3, full_n_init_up_to=9, seed=0)
        for counts in ([3, 6, 9], [9, 6, 3])
    )
    assert [*falling] == [9, 6, 3]
    for count, clusters in rising.items():
        np.testing.assert_array_equal(clusters, falling[count])


def test_the_envelope_of_random_clusterings_falls_as_one_over_the_rank_and_faster_for_small_clusters():
    """With many samples the clusters of a clustering have nearly equal sizes; with few samples they do not."""
    counts, ranks = [*range(1, 51)], np.arange(1, 51)
    many, few = (envelope(random_clusterings(n, counts, generator())) for n in (50_000, 200))
    np.testing.assert_allclose(many * ranks / 50_000, 1, atol=0.1)
    assert envelope_exponent(many, from_rank=1, to_rank=50) == pytest.approx(-1, abs=0.05)
    assert envelope_exponent(few, from_rank=10, to_rank=50) < -1.1


def test_the_exponent_difference_is_positive_if_the_first_law_is_steeper():
    assert exponent_difference(np.array(-1.4), np.array(-1.1)) == pytest.approx(0.3)
    assert exponent_difference(np.array(-1.1), np.array(-1.4)) == pytest.approx(-0.3)
    assert np.isnan(exponent_difference(np.array(np.nan), np.array(-1.1)))


def test_true_clusters_of_the_toy_have_the_given_exponent():
    points, truth = toy_clusters(
        n_subtasks=1000, largest=1000, zipf_exponent=1.0, n_dimensions=2, sigma=2.0, generator=generator()
    )
    sizes = sizes_by_rank(truth.numpy())
    assert len(points) == len(truth) == 7069 and sizes[[0, 9, 99, 999]].tolist() == [1000, 100, 10, 1]  # Σ ⌊1000 / i⌋
    assert envelope_exponent(sizes, from_rank=1, to_rank=100) == pytest.approx(-1, abs=0.02)


def test_points_of_the_toy_are_around_centers_of_unit_variance():
    points, truth = toy_clusters(
        n_subtasks=3, largest=3000, zipf_exponent=0.0, n_dimensions=50, sigma=2.0, generator=generator()
    )
    centers = torch.stack([points[truth == subtask].mean(0) for subtask in range(3)])
    assert (points - centers[truth]).std() == pytest.approx(2, rel=0.01)
    assert centers.std() == pytest.approx(1, rel=0.15)
