"""Gradients of single samples: their inner products, and the clusters that they make."""

import numpy as np
import pytest
import torch
from sklearn.cluster import SpectralClustering
from sklearn.manifold import spectral_embedding
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from grok.science.gradient_gram import (
    LinearLayer,
    count_sketch,
    error_signals,
    gram,
    linear_gram,
    per_sample_gradients,
)
from grok.science.quanta_discovery import (
    agreement,
    angular_similarity,
    envelope,
    envelope_exponent,
    laplacian_eigenmaps,
    random_clusterings,
    rank_order,
    similarity_gap,
    sizes_by_rank,
    spectral_clusterings,
    steeper_by,
    toy_clusters,
)

N = 11


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5, bias=False), nn.Tanh(), nn.Linear(5, 3)
    return nn.Sequential(*layers).double()


@pytest.fixture
def samples() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(N, 6, generator=generator(), dtype=torch.float64)
    return x, torch.randint(3, (N,), generator=generator(1))


@pytest.fixture
def one_by_one(network, samples) -> torch.Tensor:
    """Each sample's gradient by a loop over autograd."""
    rows = []
    for x, y in zip(*samples, strict=True):
        found = torch.autograd.grad(functional.cross_entropy(network(x), y), [*network.parameters()])
        rows.append(torch.cat([part.flatten() for part in found]))
    return torch.stack(rows)


@pytest.mark.parametrize("block", [1, 4, 100])
def test_products_of_layers_are_those_of_gradients(network, samples, one_by_one, block):
    passed, layers, (x, y) = [], [], samples
    for layer in network:
        inputs, x = x, layer(x)
        if isinstance(layer, nn.Linear):
            passed.append((inputs, x, layer.bias is not None))
    signals = error_signals(functional.cross_entropy(x, y, reduction="none"), [outputs for _, outputs, _ in passed])
    layers = [LinearLayer(inputs, signal, bias) for (inputs, _, bias), signal in zip(passed, signals, strict=True)]
    found = linear_gram(layers, block=block)
    assert not found.requires_grad
    torch.testing.assert_close(found, gram(one_by_one))


def test_a_one_hot_input_said_by_its_place_gives_the_products_of_the_input_laid_out():
    inputs, signals = (torch.randn(N, 3, generator=generator(seed), dtype=torch.float64) for seed in (0, 1))
    places = torch.randint(4, (N,), generator=generator(2))
    laid_out = torch.cat([inputs, functional.one_hot(places, 4)], dim=1)
    found = linear_gram([LinearLayer(inputs, signals, bias=True, one_hot=places)], block=4)
    torch.testing.assert_close(found, linear_gram([LinearLayer(laid_out, signals, bias=True)], block=4))


@pytest.mark.parametrize("block", [1, 4, 100])
def test_gradients_of_a_block_of_samples_are_those_of_each(network, samples, one_by_one, block):
    def loss(parameters, x, y):
        return functional.cross_entropy(functional_call(network, parameters, (x,)), y)

    parameters = dict(network.named_parameters())
    found = per_sample_gradients(loss, parameters, samples, block=block, sketch=None)
    torch.testing.assert_close(found, one_by_one)
    sketch = count_sketch(found.shape[1], n_kept=7, generator=generator())
    sketched = per_sample_gradients(loss, parameters, samples, block=block, sketch=sketch)
    torch.testing.assert_close(sketched, sketch(one_by_one))


def test_a_sketch_keeps_products_in_the_mean_with_the_error_it_states():
    vectors = torch.randn(2, 3000, generator=generator())
    truth = gram(vectors)
    found = torch.stack([gram(count_sketch(3000, n_kept=50, generator=generator(s))(vectors)) for s in range(400)])
    squares = truth.diagonal()
    bound = ((squares[:, None] * squares + truth.square()) / 50).sqrt()
    assert ((found.mean(0) - truth).abs() < 4 * bound / 400**0.5).all()
    assert (found.std(0) < 1.15 * bound).all()


def test_gradients_that_point_alike_have_similarity_one_opposite_ones_none_and_orthogonal_ones_a_half():
    vectors = torch.tensor([[1.0, 3, 0], [1e-6, 3e-6, 0], [-2, -6, 0], [3, -1, 5], [0, 0, 0]])
    expected = torch.tensor([[1, 1, 0, 0.5, 0.5], [1, 1, 0, 0.5, 0.5], [0, 0, 1, 0.5, 0.5]])
    found = angular_similarity(gram(vectors))
    torch.testing.assert_close(found[:3], expected, atol=3e-4, rtol=0)  # arccos in single precision, near ±1
    assert found[4].tolist() == [0.5] * 4 + [1]  # no gradient, no direction
    assert torch.equal(found, found.T)


def test_no_rounding_leaves_a_similarity_that_is_not_a_number():
    same = torch.randn(1, 1000, generator=generator()).expand(50, -1) * torch.rand(50, 1, generator=generator())
    assert (angular_similarity(gram(same)) > 0.999).all()


def test_the_gap_is_between_pairs_of_one_cluster_and_pairs_of_two():
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
    found = spectral_clusterings(similarity, counts=[6], n_init=10, all_starts_to=6, seed=0)[6]
    assert agreement(found, truth) == 1 and sizes_by_rank(found).tolist() == [40, 20, 13, 10, 8, 6]


def test_eigenmaps_are_those_of_scikit_learn(planted):
    similarity, _ = planted
    found = laplacian_eigenmaps(similarity, n_columns=6)
    other = spectral_embedding(similarity.astype(float), n_components=6, random_state=0, drop_first=False)
    found, other = (each / np.linalg.norm(each, axis=0) for each in (found, other))
    np.testing.assert_allclose(np.abs((found * other).sum(0)), 1)  # columns have a sign and a length that mean nothing


def test_a_sample_that_is_like_no_other_is_on_a_map_of_its_own():
    similarity = np.array([[1.0, 0.5, 0.6, 0], [0.5, 1, 0.5, 0], [0.6, 0.5, 1, 0], [0, 0, 0, 1]])
    maps = laplacian_eigenmaps(similarity, n_columns=2)
    np.testing.assert_allclose(np.abs(maps[:, 1] / maps[3, 1]), [0, 0, 0, 1], atol=1e-12)


def test_eigenvectors_computed_once_cluster_as_those_computed_for_each_count(planted):
    similarity, _ = planted
    found = spectral_clusterings(similarity, counts=[3, 6, 9], n_init=30, all_starts_to=9, seed=0)
    for count in (3, 6):  # nine are more than there are: which are split is chance
        alone = SpectralClustering(count, affinity="precomputed", n_init=30, random_state=0).fit(
            similarity.astype(float)
        )
        assert agreement(found[count], alone.labels_) == 1


def test_clusters_agree_by_whatever_names_and_not_by_chance():
    truth = np.repeat(np.arange(4), 250)
    assert agreement((truth + 1) % 4, truth) == 1
    assert agreement(np.random.default_rng(0).permutation(truth), truth) == pytest.approx(0, abs=0.01)


def test_the_envelope_is_the_largest_size_at_each_rank():
    coarse, fine = np.array([7] * 6 + [2] * 4), np.array([0, 1, 2, 2, 2, 2, 3, 3, 3, 3])
    assert sizes_by_rank(coarse).tolist() == [6, 4] and sizes_by_rank(fine).tolist() == [4, 4, 1, 1]
    assert envelope([coarse, fine]).tolist() == [6, 4, 1, 1]
    assert rank_order(coarse[::-1]).tolist() == [*range(4, 10), *range(4)]


def test_fewer_starts_than_asked_for_find_what_is_plain(planted):
    similarity, truth = planted
    found = spectral_clusterings(similarity, counts=[3, 6], n_init=10, all_starts_to=2, seed=0)
    alone = spectral_clusterings(similarity, counts=[3, 6], n_init=1, all_starts_to=6, seed=0)
    assert agreement(found[6], alone[6]) == 1 == agreement(found[6], truth)  # 10 · (2 / 6)² is one start


def test_clusters_that_know_nothing_fall_as_one_by_the_rank_and_faster_where_they_are_small():
    """Many samples in each: clusters of a clustering are equal; few: by chance they are not."""
    counts, ranks = [*range(1, 51)], np.arange(1, 51)
    many, few = (envelope(random_clusterings(n, counts, generator())) for n in (50_000, 200))
    np.testing.assert_allclose(many * ranks / 50_000, 1, atol=0.1)
    assert envelope_exponent(many, from_rank=1, to_rank=50) == pytest.approx(-1, abs=0.05)
    assert envelope_exponent(few, from_rank=10, to_rank=50) < -1.1


def test_the_steeper_of_two_laws_falls_faster():
    assert steeper_by(np.array(-1.4), np.array(-1.1)) == pytest.approx(0.3)
    assert steeper_by(np.array(-1.1), np.array(-1.4)) == pytest.approx(-0.3)
    assert np.isnan(steeper_by(np.array(np.nan), np.array(-1.1)))


def test_true_clusters_of_the_toy_have_the_slope_that_they_were_given():
    points, truth = toy_clusters(
        n_subtasks=1000, largest=1000, zipf_exponent=1.0, n_dimensions=2, sigma=2.0, generator=generator()
    )
    sizes = sizes_by_rank(truth.numpy())
    assert len(points) == len(truth) == 7069 and sizes[[0, 9, 99, 999]].tolist() == [1000, 100, 10, 1]  # Σ ⌊1000 / i⌋
    assert envelope_exponent(sizes, from_rank=1, to_rank=100) == pytest.approx(-1, abs=0.02)


def test_points_of_the_toy_lie_around_centres_of_unit_variance():
    points, truth = toy_clusters(
        n_subtasks=3, largest=3000, zipf_exponent=0.0, n_dimensions=50, sigma=2.0, generator=generator()
    )
    centres = torch.stack([points[truth == subtask].mean(0) for subtask in range(3)])
    assert (points - centres[truth]).std() == pytest.approx(2, rel=0.01)
    assert centres.std() == pytest.approx(1, rel=0.15)
