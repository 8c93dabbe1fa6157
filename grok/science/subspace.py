"""Distances between weights: from one network to another, and from a matrix to a subspace."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from grok.science import fourier


def distance(
    weights: Float[Tensor, "*batch parameter"], others: Float[Tensor, "*#batch parameter"]
) -> Float[Tensor, "*batch"]:
    """The Euclidean distance of two networks' weights, each as one flat vector."""
    return (weights - others).square().sum(-1).sqrt()


def project(
    matrix: Float[Tensor, "*batch row d"], directions: Float[Tensor, "*#batch direction row"]
) -> Float[Tensor, "*batch row d"]:
    """The projection of each column on the span of orthonormal directions: Bᵀ B X."""
    return directions.mT @ (directions @ matrix)


def distance_to(
    matrix: Float[Tensor, "*batch row d"], directions: Float[Tensor, "*#batch direction row"]
) -> Float[Tensor, "*batch"]:
    """The Frobenius distance of a matrix to its projection on the span of orthonormal directions."""
    return (matrix - project(matrix, directions)).square().sum((-2, -1)).sqrt()


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
