"""Which tokens are compared, and measures of their clusters."""

import numpy as np
import pytest

from grok.science.language.token_classes import repeats
from grok.science.quanta import clusters as science
from grok.science.quanta.discovery import agreement
from grok.science.quanta.token_samples import bigrams, first_of_each, learned_tokens

SETTINGS = dict(n_tokens=10, n=100, max_loss=0.7, max_per_bigram=100)


def test_the_first_of_each_key_are_chosen():
    assert first_of_each(np.array([5, 1, 5, 5, 1]), 2).tolist() == [True, True, True, False, True]
    assert first_of_each(np.array([], int), 2).tolist() == []


def test_samples_are_learned_not_given_away_and_of_few_per_bigram():
    rng = np.random.default_rng(0)
    sequences = rng.integers(10, size=(30, 21))
    loss = rng.exponential(1, (30, 20))
    loss[0, 5] = np.nan
    given_away = repeats(sequences, n=3)[:, 1:]
    samples = learned_tokens(loss, sequences, **SETTINGS | dict(n=1000))
    chosen = np.zeros(loss.shape, bool)
    chosen[samples.examples, samples.positions] = True
    expected = (loss < 0.7) & ~given_away
    np.testing.assert_array_equal(chosen, expected)
    few = learned_tokens(loss, sequences, **SETTINGS | dict(n=1000, max_per_bigram=1))
    pairs = bigrams(few, sequences, 10)
    assert len(np.unique(pairs)) == len(pairs) and set(pairs) == set(bigrams(samples, sequences, 10))
    assert (pairs % 10 == sequences[few.examples, few.positions + 1]).all()
    assert len(learned_tokens(loss, sequences, **SETTINGS | dict(n=7)).examples) == 7


def test_networks_search_tokens_in_the_same_order():
    sequences = np.random.default_rng(0).integers(10, size=(30, 21))
    loss = np.random.default_rng(1).exponential(1, (30, 20))
    strict, loose = (learned_tokens(loss, sequences, **SETTINGS | dict(max_loss=level)) for level in (0.7, 0.71))
    places = [set(zip(*each, strict=True)) for each in (strict, loose)]
    assert len(places[0] & places[1]) > 90


@pytest.fixture
def planted() -> tuple[np.ndarray, np.ndarray]:
    """Similarities of 60 gradients of 6 directions, and the directions."""
    rng, truth = np.random.default_rng(0), np.repeat(np.arange(6), 10)
    gradients = np.eye(40)[truth] + 0.1 * rng.standard_normal((60, 40))
    norms = np.linalg.norm(gradients, axis=1)
    cosines = gradients @ gradients.T / np.outer(norms, norms)
    return 1 - np.arccos(cosines.clip(-1, 1)) / np.pi, truth


def test_clusters_of_one_direction_and_several_bigrams_are_coherent(planted):
    similarity, truth = planted
    bigrams = np.where(truth == 5, 99, np.arange(60) % 7)
    assert science.are_coherent(similarity, truth, bigrams).tolist() == [True] * 5 + [False]
    assert science.are_coherent(similarity, np.arange(60) % 6, bigrams).tolist() == [False] * 6
    cosines = np.cos(np.pi * (1 - similarity[:10, :10]))
    assert science.coherences(similarity, truth)[0] == pytest.approx(cosines[np.triu_indices(10, 1)].mean())
    assert np.isnan(science.coherences(similarity[:3, :3], np.arange(3))).all()
    ranks = science.by_coherence(similarity, truth, bigrams)
    assert set(ranks[truth == 5]) == {5} and set(ranks) == {*range(6)}
    means = science.coherences(similarity, ranks)
    assert (np.diff(means[:5]) <= 0).all()


def test_shuffled_similarities_have_the_same_values_and_no_coherent_cluster(planted):
    similarity, _ = planted
    shuffled = science.shuffled_similarity(similarity, seed=0)
    np.testing.assert_array_equal(shuffled, shuffled.T)
    np.testing.assert_allclose(np.sort(shuffled, None), np.sort(similarity, None))
    assert not science.are_coherent(shuffled, np.arange(60) % 6, np.arange(60)).any()


def test_typical_samples_are_first_and_blocks_of_similarities_are_means():
    similarity = np.array([[1, 0, 0.2, 0.4], [0, 1, 0, 0], [0.2, 0, 1, 0.6], [0.4, 0, 0.6, 1]])
    order = science.typical_order(similarity, np.array([1, 0, 1, 1]))
    assert order.tolist() == [1, 3, 2, 0]  # sums within cluster 1: 1.6, 1.8 and 2.0
    ordered = similarity[np.ix_(order, order)]
    np.testing.assert_allclose(science.binned(ordered, n_bins=2), [[0.5, 0.25], [0.25, 0.6]])
    np.testing.assert_array_equal(science.binned(ordered, n_bins=9), ordered)


def test_clusters_are_counted_and_compared_as_medians_over_clusterings(planted):
    similarity, truth = planted
    bigrams, merged = np.where(truth == 5, 99, np.arange(60)), np.where(truth == 5, 4, truth)
    scattered = np.where(truth == 5, np.arange(60) % 5, truth)  # samples of the cluster that has one bigram
    assert science.n_coherent(similarity, [truth, truth, np.arange(60) % 6], bigrams) == 5
    assert science.n_coherent(similarity, science.randomized([truth] * 3), bigrams) == 0
    assert science.coherent_agreement(similarity, [truth, scattered], bigrams) == 1 > agreement(truth, scattered)
    assert science.median_best_f1([[merged], [merged, truth], [truth]], truth == 5) == 1
    assert science.median_best_f1([[merged]], truth == 5) == pytest.approx(2 * 10 / (20 + 10))
    assert science.largest(merged, 1).tolist() == [4]


def test_the_best_cluster_of_a_class_has_its_f1():
    clusters, truth = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 1, 0, 1, 0, 0], bool)
    assert science.best_f1(clusters, truth) == pytest.approx(2 / 3)  # 2 of 3 samples, 2 of 3 members
    assert science.best_f1(truth.astype(int), truth) == 1
    assert np.isnan(science.best_f1(clusters, np.zeros(6, bool)))
    indices = science.mutual_agreements([clusters, 2 - clusters, truth.astype(int)])
    assert indices[0, 1] == 1 and indices[0, 2] == indices[2, 0] < 0.5


def test_clusters_of_two_networks_are_compared_on_their_shared_tokens_in_coherent_clusters():
    places = np.array([[4.0, 7, 9, 12, 30, 31], [30.0, 12, 4, 7, 99, 9]])
    clusters = np.array([[1.0, 1, 2, 2, 3, 3], [3.0, 1, 2, 2, 1, 1]])  # 4 and 7, 9 and 12 together in both
    coherent = np.array([[1.0, 1, 1], [1.0, 1, 0]])
    ticks = np.arange(2), np.arange(6), np.arange(3)
    assert science.agreement_of_networks(*ticks, places, clusters, coherent) == 1
    split = np.array([clusters[0], [3.0, 1, 2, 1, 1, 2]])
    assert science.agreement_of_networks(*ticks, places, split, coherent) < 0.1
    missing = np.array([places[0], np.full(6, np.nan)])
    assert np.isnan(science.agreement_of_networks(*ticks, missing, missing, coherent))


def test_the_ratio_of_changes_is_that_of_their_sizes():
    changes = np.array([[4.0, -6, 5, np.nan], [0.5, 0.5, -0.5, np.nan]])
    assert science.median_ratio(np.arange(2), np.arange(4), changes) == 10
    groupings, names = np.array(["clusters", "target"]), {"numerator": "target", "denominator": "clusters"}
    both = np.stack([changes, [changes[0] * 3, changes[1]]])
    assert science.selectivity_ratio(groupings, np.arange(2), np.arange(4), both, **names) == 3
