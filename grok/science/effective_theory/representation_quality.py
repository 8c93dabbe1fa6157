"""The share of a table's parallelograms that a representation satisfies (Liu et al. 2022, Sec. 3.1 and App. E).

RQI(R) = |P(R)| / |P₀|. There are two rules for P(R), both for the embedding standardized in every dimension:

- The paper's rule: a distance of at most δ = 0.01.
- The rule of its code (toy/train_add.py): a mean squared deviation below 0.01. In one dimension this is a distance of
  0.1, so this rule is looser.
"""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor

DISTANCE = 0.01  # δ, App. E
MEAN_SQUARE = 0.01  # the code's threshold_P
MEAN_SQUARE_OF_PRODUCTS = 0.5  # toy/Figure5d_permutation.ipynb, for matrices scaled to a mean square of 1


def standardized(embedding: Float[Tensor, "*batch p d"]) -> Float[Tensor, "*batch p d"]:
    """The embedding with mean 0 and variance 1 over the p elements, in every dimension.

    The variance is Σ (E − mean)² / (p − 1), so that Z₀ = Σ |E|² = (p − 1) d. A dimension without variance becomes NaN.
    """
    centered = embedding - embedding.mean(-2, keepdim=True)
    return centered / embedding.std(-2, keepdim=True)


def deviations(
    embedding: Float[Tensor, "*batch p d"], pairs: Int[Tensor, "pair 2"], quadruples: Int[Tensor, "parallelogram 2"]
) -> Float[Tensor, "*batch parallelogram d"]:
    """E_i + E_j − E_m − E_n of the standardized embedding, for every parallelogram."""
    elements = standardized(embedding)
    sums = elements[..., pairs[:, 0], :] + elements[..., pairs[:, 1], :]
    return _pair_difference(sums, quadruples)


def product_deviations(
    embedding: Float[Tensor, "*batch p d"], pairs: Int[Tensor, "pair 2"], quadruples: Int[Tensor, "parallelogram 2"]
) -> Float[Tensor, "*batch parallelogram d"]:
    """E_a E_b − E_c E_d for every parallelogram, where the d = n² numbers of an element are an n × n matrix (Fig. 6d).

    The embedding is scaled to a mean square of 1 over all its entries. It is not centered, which would change products.
    """
    scale = embedding.square().mean((-2, -1), keepdim=True).sqrt()
    n = round(embedding.shape[-1] ** 0.5)
    matrices = (embedding / scale).unflatten(-1, (n, n))
    products: Tensor = matrices[..., pairs[:, 0], :, :] @ matrices[..., pairs[:, 1], :, :]
    return _pair_difference(products.flatten(-2), quadruples)


def satisfied_by_distance(
    deviation: Float[Tensor, "*batch parallelogram d"], *, distance: float
) -> Bool[Tensor, "*batch parallelogram"]:
    """P(R, δ) by the paper's rule, as a mask: the norm of the deviation is at most `distance`."""
    satisfied: Tensor = deviation.norm(dim=-1) <= distance
    return satisfied


def satisfied_by_mean_square(
    deviation: Float[Tensor, "*batch parallelogram d"], *, below: float
) -> Bool[Tensor, "*batch parallelogram"]:
    """P(R) by the code's rule, as a mask: the mean square of the deviation over the dimensions is below `below`."""
    satisfied: Tensor = deviation.square().mean(-1) < below
    return satisfied


def quality_index(kept: Bool[Tensor, "*batch parallelogram"]) -> Float[Tensor, "*batch"]:
    """RQI: the share of P₀ in the mask `kept`, which is P(R)."""
    return kept.double().mean(-1)


def _pair_difference(
    values: Float[Tensor, "*batch pair d"], quadruples: Int[Tensor, "parallelogram 2"]
) -> Float[Tensor, "*batch parallelogram d"]:
    """The values of each parallelogram's first pair minus those of its second pair."""
    return values[..., quadruples[:, 0], :] - values[..., quadruples[:, 1], :]
