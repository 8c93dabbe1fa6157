"""How many of the parallelograms that a table allows a representation has (Liu et al. 2022, Sec. 3.1 and App. E).

RQI(R) = |P(R)| / |P₀|. Which parallelograms count as those of R is said in two ways: the paper's, a distance of at most
δ = 0.01, and that of its code (toy/train_add.py), a mean squared deviation below 0.01, which is the distance 0.1 in one
dimension and so the looser rule. Both are of the embedding standardised in every dimension.
"""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor

DISTANCE = 0.01  # δ, App. E
MEAN_SQUARE = 0.01  # the code's threshold_P
MEAN_SQUARE_OF_PRODUCTS = 0.5  # toy/Figure5d_permutation.ipynb, of matrices that are scaled to a mean square of 1


def standardized(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p d"]:
    """Every dimension with mean 0 and variance 1 over the p elements; the variance is Σ (E − mean)² / (p − 1), so that
    Z₀ = Σ |E|² = (p − 1) d. Not numbers where a dimension has no variance."""
    centred = embedding - embedding.mean(-2, keepdim=True)
    return centred / embedding.std(-2, keepdim=True)


def deviations(
    embedding: Float[Tensor, "*batch p d"], pairs: Int[Tensor, "pair 2"], quadruples: Int[Tensor, "parallelogram 2"]
) -> Float[Tensor, "*batch parallelogram d"]:
    """E_i + E_j − E_m − E_n of the standardised embedding, for every parallelogram."""
    own = standardized(embedding)
    sums = own[..., pairs[:, 0], :] + own[..., pairs[:, 1], :]
    return _across(sums, quadruples)


def product_deviations(
    embedding: Float[Tensor, "*batch p d"], pairs: Int[Tensor, "pair 2"], quadruples: Int[Tensor, "parallelogram 2"]
) -> Float[Tensor, "*batch parallelogram d"]:
    """E_a E_b − E_c E_d for every parallelogram, where the d = n² numbers of an element are an n × n matrix (Fig. 6d).

    The embedding is scaled so that the mean square of all its entries is 1; it is not centred, which would change
    products.
    """
    scale = embedding.square().mean((-2, -1), keepdim=True).sqrt()
    n = round(embedding.shape[-1] ** 0.5)
    own = (embedding / scale).unflatten(-1, (n, n))
    products: Tensor = own[..., pairs[:, 0], :, :] @ own[..., pairs[:, 1], :, :]
    return _across(products.flatten(-2), quadruples)


def by_distance(
    deviation: Float[Tensor, "*batch parallelogram d"], *, distance: float
) -> Bool[Tensor, "*batch parallelogram"]:
    """The paper's P(R, δ): those whose deviation is no longer than the distance."""
    found: Tensor = deviation.norm(dim=-1) <= distance
    return found


def by_mean_square(
    deviation: Float[Tensor, "*batch parallelogram d"], *, below: float
) -> Bool[Tensor, "*batch parallelogram"]:
    """The code's P(R): those whose squared deviation is below the threshold, averaged over the dimensions."""
    found: Tensor = deviation.square().mean(-1) < below
    return found


def quality_index(kept: Bool[Tensor, "*batch parallelogram"]) -> Float[Tensor, "*batch"]:
    """RQI: the share of P₀ that counts."""
    return kept.double().mean(-1)


def _across(
    values: Float[Tensor, "*batch pair d"], quadruples: Int[Tensor, "parallelogram 2"]
) -> Float[Tensor, "*batch parallelogram d"]:
    """By how much the values of the first pair of each parallelogram exceed those of the second."""
    return values[..., quadruples[:, 0], :] - values[..., quadruples[:, 1], :]
