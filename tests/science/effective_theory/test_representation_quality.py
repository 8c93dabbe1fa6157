"""RQI is 1 for a line and near 0 for noise; the two rules differ by their documented factor."""

from itertools import permutations

import pytest
import torch

from grok.science.effective_theory import representation_quality as quality
from grok.science.effective_theory.parallelograms import parallelograms
from grok.science.effective_theory.toy_operations import toy_table

PAIRS, RESULTS = toy_table("add", 10)
QUADRUPLES = parallelograms(RESULTS)
LINE = torch.arange(10, dtype=torch.float64).unsqueeze(1)


def rqi(embedding: torch.Tensor) -> tuple[float, float]:
    """RQI by the paper's rule and by the code's rule."""
    deviation = quality.deviations(embedding, PAIRS, QUADRUPLES)
    near = quality.satisfied_by_distance(deviation, distance=quality.DISTANCE)
    small = quality.satisfied_by_mean_square(deviation, below=quality.MEAN_SQUARE)
    return tuple(float(quality.quality_index(mask)) for mask in (near, small))


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_line_in_any_dimension_has_every_parallelogram(d):
    direction = torch.randn(1, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert rqi(7 - LINE @ direction) == (1, 1)


@pytest.mark.parametrize("d", [2, 10])
def test_noise_has_almost_no_parallelograms(d):
    noise = torch.rand(200, 10, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    deviation = quality.deviations(noise, PAIRS, QUADRUPLES)
    assert quality.quality_index(quality.satisfied_by_distance(deviation, distance=quality.DISTANCE)).mean() < 0.001
    assert quality.quality_index(quality.satisfied_by_mean_square(deviation, below=quality.MEAN_SQUARE)).mean() < 0.02


def test_in_one_dimension_the_code_allows_ten_times_the_papers_distance():
    for distance, expected in ((0.009, (True, True)), (0.05, (False, True)), (0.11, (False, False))):
        deviation = torch.tensor([[distance]])
        satisfied = (
            quality.satisfied_by_distance(deviation, distance=0.01),
            quality.satisfied_by_mean_square(deviation, below=0.01),
        )
        assert tuple(map(bool, satisfied)) == expected


def test_deviations_do_not_depend_on_shift_or_stretch():
    noise = torch.rand(10, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    original, mirrored = (quality.deviations(each, PAIRS, QUADRUPLES) for each in (noise, 5 - 30 * noise))
    torch.testing.assert_close(original, -mirrored)
    standardized = quality.standardized(noise)
    torch.testing.assert_close(standardized.square().sum(), torch.tensor(27.0, dtype=torch.float64))  # Z₀ = (p − 1) d


def test_an_embedding_without_variance_has_no_parallelograms():
    assert rqi(torch.ones(10, 2, dtype=torch.float64)) == (0, 0)


def test_permutation_matrices_have_every_parallelogram_of_products_and_noise_has_few():
    matrices = torch.zeros(6, 3, 3)
    for index, permutation in enumerate(permutations(range(3))):
        matrices[index, range(3), permutation] = 1  # e_i P = e_{x(i)}, so x followed by y is P_x P_y
    pairs, results = toy_table("compose_s3", 3)
    quadruples = parallelograms(results)
    assert quality.product_deviations(0.2 * matrices.flatten(1), pairs, quadruples).abs().max() < 1e-6
    noise = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    deviation = quality.product_deviations(noise, pairs, quadruples)
    assert (
        quality.quality_index(quality.satisfied_by_mean_square(deviation, below=quality.MEAN_SQUARE_OF_PRODUCTS)) < 0.05
    )
