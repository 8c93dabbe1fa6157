"""The subspace of the key frequencies: what of a matrix lies in it, and how far from it the matrix is."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from grok.science import fourier


def onto_keys(
    matrix: Float[Tensor, "*batch p d"], keys: Bool[Tensor, "*#batch frequency"]
) -> Float[Tensor, "*batch p d"]:
    """A matrix whose rows are residues (W_E, W_U, W_L) with its mean row and its key frequencies alone."""
    return fourier.onto_frequencies(matrix, keys, keep_mean=True)


def distance_to_keys(
    matrix: Float[Tensor, "*batch p d"], keys: Bool[Tensor, "*#batch frequency"]
) -> Float[Tensor, "*batch"]:
    """The Frobenius distance of such a matrix to itself with its mean row and its key frequencies alone."""
    return (matrix - onto_keys(matrix, keys)).square().sum((-2, -1)).sqrt()
