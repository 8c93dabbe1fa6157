"""The part of a matrix that is of its key frequencies, and the rest."""

import pytest
import torch

from grok.science import fourier, subspace
from tests.science.test_fourier import ring
from tests.science.test_progress_measures import mask


def test_an_embedding_of_its_key_frequencies_alone_is_in_their_subspace():
    embedding = ring(31, 3, 8) + 2
    assert subspace.distance_to_keys(embedding, mask(31, 3, 8)) == pytest.approx(0, abs=1e-12)
    assert subspace.distance_to_keys(embedding, mask(31, 3)) == pytest.approx(31**0.5)
    torch.testing.assert_close(subspace.onto_keys(embedding, mask(31, 3))[:, [0, 2]], ring(31, 3) + 2)


def test_onto_key_frequencies_is_the_projection_on_their_waves():
    matrix, keys = torch.randn(2, 15, 4, dtype=torch.float64), mask(15, 2)
    waves = fourier.basis(15, like=matrix)[[0, 3, 4]]
    torch.testing.assert_close(subspace.onto_keys(matrix, keys), waves.T @ (waves @ matrix))
