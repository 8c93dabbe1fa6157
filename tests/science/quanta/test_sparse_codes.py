"""Sparse codes find planted atoms of either sign, where clusters split them; matches are one to one."""

import numpy as np
import pytest

from grok.science.quanta.discovery import agreement, spectral_clusterings
from grok.science.quanta.sparse_codes import excess_difference, matched_f1, strongest_atoms, unit_gradients


def test_atoms_are_found_whatever_their_sign_and_clusters_are_not():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 300)
    gradients = rng.choice([-1, 1], (300, 1)) * np.linalg.qr(rng.normal(size=(40, 5)))[0].T[truth]
    gradients += 0.02 * rng.normal(size=gradients.shape)
    gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)
    similarity = 1 - np.arccos(np.clip(gradients @ gradients.T, -1, 1)) / np.pi
    np.fill_diagonal(similarity, 1)
    projected = unit_gradients(similarity, n_components=40, seed=0)
    np.testing.assert_allclose(projected @ projected.T, gradients @ gradients.T, atol=0.02)
    assert agreement(strongest_atoms(projected, n_atoms=5, penalty=0.05, seed=0), truth) > 0.95
    clusters = spectral_clusterings(similarity, counts=[5], n_init=10, full_n_init_up_to=5, seed=0)[5]
    assert agreement(clusters, truth) < 0.8


def test_f1_is_one_for_equal_groups_and_each_group_matches_one_subtask():
    truth = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    assert matched_f1(7 - truth, truth) == pytest.approx(1)
    assert matched_f1(np.zeros(8, int), truth) == pytest.approx(4 / 8 * 2 * 4 / 12)  # only the largest has a match
    assert matched_f1(np.array([0, 0, 1, 1, 2, 2, 3, 3]), truth) == pytest.approx((4 * 2 / 3 + 2 + 2) / 8)


def test_the_excess_is_over_shuffled_labels_in_any_order():
    methods, labels, f1 = np.array(["clusters", "atoms"]), np.array(["true", "shuffled"]), [[0.5, 0.2], [0.9, 0.4]]
    for columns in (slice(None), slice(None, None, -1)):
        ours = excess_difference(methods[columns], labels[columns], np.array(f1)[columns, columns])
        assert ours == pytest.approx(0.2)
