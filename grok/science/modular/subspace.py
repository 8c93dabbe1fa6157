"""Distance of a matrix with one row per residue (W_E, W_U, W_L) from the subspace of the key frequencies."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor


def distance_to_key_frequencies(
    norms: Float[Tensor, "*batch frequency"], keys: Bool[Tensor, "*#batch frequency"]
) -> Float[Tensor, "*batch"]:
    """Frobenius distance from a matrix to its projection onto its mean row and its key frequencies.

    `norms` are the matrix's norms at each frequency (`fourier.norm_by_frequency`). Frequencies are orthogonal, so the
    distance is the root of the sum of the other frequencies' squared norms.
    """
    return (norms.square() * ~keys).sum(-1).sqrt()
