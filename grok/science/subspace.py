"""The subspace of the key frequencies, and how far a matrix whose rows are residues (W_E, W_U, W_L) is from it."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor


def distance_to_keys(
    norms: Float[Tensor, "*batch frequency"], keys: Bool[Tensor, "*#batch frequency"]
) -> Float[Tensor, "*batch"]:
    """The Frobenius distance of a matrix to its projection on its mean row and its key frequencies.

    `norms` are the matrix's by frequency (`fourier.norm_by_frequency`): frequencies are orthogonal, and what is not
    projected away is the root of the sum of the others' squares.
    """
    return (norms.square() * ~keys).sum(-1).sqrt()
