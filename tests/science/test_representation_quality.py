"""RQI: a line has all parallelograms, noise none, and the two rules differ as they say."""

from itertools import permutations

import pytest
import torch

from grok.science import representation_quality as quality
from grok.science.parallelograms import parallelograms
from grok.science.toy_operations import toy_table

PAIRS, RESULTS = toy_table("add", 10)
QUADRUPLES = parallelograms(RESULTS)
LINE = torch.arange(10, dtype=torch.float64).unsqueeze(1)


def rqi(embedding: torch.Tensor) -> tuple[float, float]:
    """By the paper's rule, and by its code's."""
    deviation = quality.deviations(embedding, PAIRS, QUADRUPLES)
    near = quality.by_distance(deviation, distance=quality.DISTANCE)
    small = quality.by_mean_square(deviation, below=quality.MEAN_SQUARE)
    return tuple(float(quality.quality_index(each)) for each in (near, small))


@pytest.mark.parametrize("directions", [1, 2, 5])
def test_a_line_in_any_dimension_has_every_parallelogram(directions):
    way = torch.randn(1, directions, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert rqi(7 - LINE @ way) == (1, 1)


@pytest.mark.parametrize("d", [2, 10])
def test_noise_has_none(d):
    noise = torch.rand(200, 10, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    deviation = quality.deviations(noise, PAIRS, QUADRUPLES)
    assert quality.quality_index(quality.by_distance(deviation, distance=quality.DISTANCE)).mean() < 0.001
    assert quality.quality_index(quality.by_mean_square(deviation, below=quality.MEAN_SQUARE)).mean() < 0.02


def test_on_a_line_the_code_allows_ten_times_the_papers_distance():
    for away, expected in ((0.009, (True, True)), (0.05, (False, True)), (0.11, (False, False))):
        deviation = torch.tensor([[away]])
        found = quality.by_distance(deviation, distance=0.01), quality.by_mean_square(deviation, below=0.01)
        assert tuple(map(bool, found)) == expected


def test_neither_shift_nor_stretch_counts():
    noise = torch.rand(10, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    own, other = (quality.deviations(each, PAIRS, QUADRUPLES) for each in (noise, 5 - 30 * noise))
    torch.testing.assert_close(own, -other)
    scaled = quality.standardized(noise)
    torch.testing.assert_close(scaled.square().sum(), torch.tensor(27.0, dtype=torch.float64))  # Z₀ = (p − 1) d


def test_an_embedding_without_extent_has_no_parallelograms():
    assert rqi(torch.ones(10, 2, dtype=torch.float64)) == (0, 0)


def test_permutation_matrices_multiply_as_permutations_do_and_noise_does_not():
    matrices = torch.zeros(6, 3, 3)
    for number, permuted in enumerate(permutations(range(3))):
        matrices[number, range(3), permuted] = 1  # e_i P = e_{x(i)}: first x, then y is P_x P_y
    pairs, results = toy_table("compose_s3", 3)
    quadruples = parallelograms(results)
    assert quality.product_deviations(0.2 * matrices.flatten(1), pairs, quadruples).abs().max() < 1e-6
    noise = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    deviation = quality.product_deviations(noise, pairs, quadruples)
    assert quality.quality_index(quality.by_mean_square(deviation, below=quality.MEAN_SQUARE_OF_PRODUCTS)) < 0.05
