"""Distance of a matrix from the subspace of its key frequencies."""

import pytest
import torch

from grok.science.modular import fourier
from grok.science.modular.subspace import distance_to_key_frequencies
from tests.science.modular.test_fourier import ring
from tests.science.modular.test_progress_measures import mask


def test_an_embedding_with_only_key_frequencies_has_distance_zero():
    norms = fourier.norm_by_frequency(ring(31, 3, 8) + 2)
    assert distance_to_key_frequencies(norms, mask(31, 3, 8)) == pytest.approx(0, abs=1e-12)
    ring_norm = 31**0.5  # a ring has 31 residues at radius 1
    assert distance_to_key_frequencies(norms, mask(31, 3)) == pytest.approx(ring_norm)


def test_the_distance_is_that_to_the_projection_onto_the_mean_and_the_waves_of_the_keys():
    matrices, keys = torch.randn(2, 15, 4, dtype=torch.float64), torch.stack([mask(15, 2), mask(15, 1, 7)])
    distances = distance_to_key_frequencies(fourier.norm_by_frequency(matrices), keys)
    for matrix, indices, distance in zip(matrices, ([0, 3, 4], [0, 1, 2, 13, 14]), distances, strict=True):
        waves = fourier.basis(15, like=matrix)[indices]
        torch.testing.assert_close(distance, (matrix - waves.T @ (waves @ matrix)).norm())
