"""How far a matrix is from its key frequencies."""

import pytest
import torch

from grok.science import fourier
from grok.science.subspace import distance_to_keys
from tests.science.test_fourier import ring
from tests.science.test_progress_measures import mask


def test_an_embedding_of_its_key_frequencies_alone_is_in_their_subspace():
    norms = fourier.norm_by_frequency(ring(31, 3, 8) + 2)
    assert distance_to_keys(norms, mask(31, 3, 8)) == pytest.approx(0, abs=1e-12)
    assert distance_to_keys(norms, mask(31, 3)) == pytest.approx(31**0.5)  # a ring has 31 residues at radius 1


def test_the_distance_is_that_to_the_projection_on_the_waves_of_the_keys_and_the_mean():
    matrix, keys = torch.randn(2, 15, 4, dtype=torch.float64), torch.stack([mask(15, 2), mask(15, 1, 7)])
    found = distance_to_keys(fourier.norm_by_frequency(matrix), keys)
    for one, rows, far in zip(matrix, ([0, 3, 4], [0, 1, 2, 13, 14]), found, strict=True):
        waves = fourier.basis(15, like=one)[rows]
        torch.testing.assert_close(far, (one - waves.T @ (waves @ one)).norm())
