"""The effective theory of representation learning: embeddings follow the gradient flow of a loss over parallelograms
(Liu et al. 2022, arXiv:2205.10343, Sec. 3.2 and App.).

All quantities follow from the Gram matrix AᵀA of a set of parallelograms' equations
(`grok.science.effective_theory.parallelograms`). For centered embeddings E:

- ℓ₀ = Σ |E_i + E_j − E_m − E_n|² = tr Eᵀ AᵀA E, over the parallelograms P₀(D) within the training set;
- Z₀ = Σ |E_k|²;
- ℓ_eff = ℓ₀ / Z₀.

The paper takes the mean over P₀(D), its code the sum. This only changes the unit of time: the Gram matrix divided by
|P₀(D)| gives the paper's ℓ₀. Near ℓ₀ = 0 the flow is dE/dt = −H E with H = 2 AᵀA / Z₀. Some eigenvalues of AᵀA are 0.
They belong to the shift and stretch of a linear representation, and to directions that the training set leaves
undetermined. The first eigenvalue after shift and stretch, λ₃, is the slowest rate of the flow.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int, Real
from torch import Generator, Tensor

from grok.science.effective_theory.parallelograms import within_training_set
from grok.science.statistics.comparisons import value_at_tick

ZERO_EIGENVALUE = 1e-8  # smaller eigenvalues of AᵀA count as 0 (phase_diagram_plot/effective_linear_eq.ipynb)
LINEAR_NULLITY = 2  # the nullity of all of P₀ for sums: shift and stretch


def equation_gram(
    rows: Float64[Tensor, "parallelogram p"], kept: Bool[Tensor, "*batch parallelogram"]
) -> Float64[Tensor, "*batch p p"]:
    """AᵀA of the parallelograms in the mask `kept`. Memory: 8 bytes × batch × parallelograms × p."""
    return (rows.mT * kept.unsqueeze(-2)) @ rows


def nullity(matrix: Float64[Tensor, "*batch p p"]) -> Int[Tensor, "*batch"]:
    """The number of eigenvalues of AᵀA that are 0; 2 if the training set allows only the linear representation."""
    n_zero: Tensor = (torch.linalg.eigvalsh(matrix) < ZERO_EIGENVALUE).sum(-1)
    return n_zero


def slowest_rate(matrix: Float64[Tensor, "*batch p p"], *, n_free: int) -> Float64[Tensor, "*batch"]:
    """The smallest eigenvalue of AᵀA after the `n_free` smallest: λ₃ for sums, where `n_free` is 2.

    0 if the training set leaves more undetermined. For all sums of 10 numbers it is 30; divided by |P₀| it is 3/7.
    """
    rate = torch.linalg.eigvalsh(matrix)[..., n_free]
    return torch.where(rate < ZERO_EIGENVALUE, 0.0, rate)


def implied_parallelograms(
    rows: Float64[Tensor, "parallelogram p"], matrix: Float64[Tensor, "*batch p p"]
) -> Bool[Tensor, "*batch parallelogram"]:
    """P(D), as a mask: the parallelograms whose equations follow from those of AᵀA and do not raise its rank."""
    eigenvalues, eigenvectors = torch.linalg.eigh(matrix)
    null_space = eigenvectors * (eigenvalues < ZERO_EIGENVALUE).unsqueeze(-2)
    implied: Tensor = (rows @ null_space).square().sum(-1) < ZERO_EIGENVALUE
    return implied


def parallelogram_loss(
    embedding: Float64[Tensor, "*batch p d"], matrix: Float64[Tensor, "*#batch p p"]
) -> Float64[Tensor, "*batch"]:
    """ℓ₀ = tr Eᵀ AᵀA E."""
    return (embedding * (matrix @ embedding)).sum((-2, -1))


def effective_loss(
    embedding: Float64[Tensor, "*batch p d"], matrix: Float64[Tensor, "*#batch p p"]
) -> Float64[Tensor, "*batch"]:
    """ℓ_eff = ℓ₀ / Z₀ of the centered embedding; invariant under shift and stretch."""
    centered = embedding - embedding.mean(-2, keepdim=True)
    return parallelogram_loss(centered, matrix) / centered.square().sum((-2, -1))


def effective_velocity(
    embedding: Float64[Tensor, "*batch p d"],
    matrix: Float64[Tensor, "*#batch p p"],
    length: Float64[Tensor, "*batch"],
) -> Float64[Tensor, "*batch p d"]:
    """dE/dt = −∂ℓ_eff/∂E = 2 ℓ₀ / Z₀² E − 2 / Z₀ AᵀA E, for a centered embedding; `length` is its Z₀.

    It conserves Σ E_k, because every row of A sums to 0. It conserves Z₀, because ℓ_eff is invariant under stretch.
    """
    z = length[..., None, None]
    return 2 * parallelogram_loss(embedding, matrix)[..., None, None] / z.square() * embedding - 2 / z * (
        matrix @ embedding
    )


def effective_flow(
    embedding: Float64[Tensor, "*batch p d"], matrix: Float64[Tensor, "*#batch p p"], *, step_size: float, steps: int
) -> Float64[Tensor, "*batch p d"]:
    """The embedding after `steps` steps E ← E + η dE/dt, with the initial Z₀ in every step (as the reference code)."""
    length = embedding.square().sum((-2, -1))
    for _ in range(steps):
        embedding = embedding + step_size * effective_velocity(embedding, matrix, length)
    return embedding


def relaxation_steps(
    rate: Real[np.ndarray, "*batch"], *, length: float, learning_rate: float
) -> Float[np.ndarray, "*batch"]:
    """n_h = 1 / (λ₃(H) η): the steps in which the slowest mode falls by a factor e; H = 2 AᵀA / Z₀, Z₀ is `length`.

    `rate` is λ₃ of AᵀA, so n_h = Z₀ / (2 λ₃ η). A linear structure appears after about 3 n_h (Sec. 3.2). Infinite if
    λ₃ is 0.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(length / (2 * np.asarray(rate) * learning_rate))


def steps_over_prediction(
    sizes: Real[np.ndarray, " size"],
    rate: Real[np.ndarray, " size"],
    steps: Real[np.ndarray, " size"],
    *,
    size: float,
    p: int,
    learning_rate: float,
) -> float:
    """The steps to a linear representation divided by the predicted 3 n_h, at one training-set size.

    Z₀ is p − 1, as for the standardized embedding on a line. Infinite if the representation never became linear.
    """
    predicted = 3 * relaxation_steps(rate, length=p - 1.0, learning_rate=learning_rate)
    measured = value_at_tick(sizes, np.where(np.isfinite(steps), steps, np.inf), tick=size)
    return measured / value_at_tick(sizes, predicted, tick=size)


def random_training_sets(n_pairs: int, n_train: int, n_sets: int, generator: Generator) -> Bool[Tensor, "set pair"]:
    """`n_sets` random training sets, as masks: `n_train` of the pairs, sampled uniformly without replacement."""
    order = torch.rand(n_sets, n_pairs, generator=generator, device=generator.device).argsort(1)
    return order < n_train


def expected_rates(
    rows: Float64[Tensor, "parallelogram p"],
    quadruples: Int[Tensor, "parallelogram 2"],
    known: Bool[Tensor, "set pair"],
    *,
    n_free: int,
) -> tuple[float, float, float]:
    """Over training sets: the share that allows only one representation, and the means of λ₃ and of λ₃ / |P₀(D)|.

    Both rates are 0 for a set without parallelograms.
    """
    within = within_training_set(quadruples, known)
    rate = slowest_rate(equation_gram(rows, within), n_free=n_free)
    rate_per_parallelogram = rate / within.sum(-1).clamp_min(1)
    return float((rate > 0).double().mean()), float(rate.mean()), float(rate_per_parallelogram.mean())
