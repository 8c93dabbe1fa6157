"""The effective theory of representation learning: embeddings that flow down a loss that knows parallelograms alone
(Liu et al. 2022, arXiv:2205.10343, Sec. 3.2 and App.).

Everything is of the Gram matrix AᵀA of a set of parallelograms' equations (`grok.science.parallelograms`). For centred
embeddings E, ℓ₀ = Σ |E_i + E_j − E_m − E_n|² = tr Eᵀ AᵀA E over the parallelograms P₀(D) within the training set, Z₀ =
Σ |E_k|², and ℓ_eff = ℓ₀ / Z₀. The paper takes the mean over P₀(D), its code the sum, which is another unit of time
alone: the Gram matrix divided by |P₀(D)| gives the paper's. Near ℓ₀ = 0 the flow is dE/dt = −H E with H = 2 AᵀA / Z₀.
The eigenvalues of AᵀA that are 0 belong to what every linear representation may do, shift and stretch, and to what the
training set leaves undetermined; the first one behind the former, λ₃, is the slowest rate of the flow.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int, Real
from torch import Generator, Tensor

from grok.science.comparisons import at
from grok.science.parallelograms import inside

ZERO = 1e-8  # eigenvalues of AᵀA below are 0 (phase_diagram_plot/effective_linear_eq.ipynb)
LINEAR = 2  # the nullity of all of P₀ for sums: a shift and a stretch


def gram(
    rows: Float64[Tensor, "parallelogram p"], kept: Bool[Tensor, "*batch parallelogram"]
) -> Float64[Tensor, "*batch p p"]:
    """AᵀA of the kept parallelograms. Memory: 8 bytes times batch × parallelograms × p."""
    return (rows.mT * kept.unsqueeze(-2)) @ rows


def nullity(matrix: Float64[Tensor, "*batch p p"]) -> Int[Tensor, "*batch"]:
    """How many eigenvalues of AᵀA are 0. It is 2 where the training set allows the linear representation alone."""
    found: Tensor = (torch.linalg.eigvalsh(matrix) < ZERO).sum(-1)
    return found


def slowest_rate(matrix: Float64[Tensor, "*batch p p"], *, free: int) -> Float64[Tensor, "*batch"]:
    """The smallest eigenvalue of AᵀA behind the `free` smallest: λ₃ for sums, where `free` is 2.

    0 where the training set leaves more undetermined. For all sums of 10 numbers it is 30, and 3/7 divided by |P₀|.
    """
    value = torch.linalg.eigvalsh(matrix)[..., free]
    return torch.where(value < ZERO, 0.0, value)


def implied(
    rows: Float64[Tensor, "parallelogram p"], matrix: Float64[Tensor, "*batch p p"]
) -> Bool[Tensor, "*batch parallelogram"]:
    """P(D): the parallelograms whose equations follow from those of AᵀA, as their rows add nothing to its rank."""
    values, vectors = torch.linalg.eigh(matrix)
    free = vectors * (values < ZERO).unsqueeze(-2)
    found: Tensor = (rows @ free).square().sum(-1) < ZERO
    return found


def parallelogram_loss(
    embedding: Float64[Tensor, "*batch p d"], matrix: Float64[Tensor, "*#batch p p"]
) -> Float64[Tensor, "*batch"]:
    """ℓ₀ = tr Eᵀ AᵀA E."""
    return (embedding * (matrix @ embedding)).sum((-2, -1))


def effective_loss(
    embedding: Float64[Tensor, "*batch p d"], matrix: Float64[Tensor, "*#batch p p"]
) -> Float64[Tensor, "*batch"]:
    """ℓ_eff = ℓ₀ / Z₀ of the centred embedding: the same for all its shifts and stretches."""
    centred = embedding - embedding.mean(-2, keepdim=True)
    return parallelogram_loss(centred, matrix) / centred.square().sum((-2, -1))


def effective_velocity(
    embedding: Float64[Tensor, "*batch p d"],
    matrix: Float64[Tensor, "*#batch p p"],
    length: Float64[Tensor, "*batch"],
) -> Float64[Tensor, "*batch p d"]:
    """dE/dt = −∂ℓ_eff/∂E = 2 ℓ₀ / Z₀² E − 2 / Z₀ AᵀA E, of a centred embedding whose Z₀ is the `length`.

    It conserves Σ E_k, as the rows of A have sum 0, and Z₀, as ℓ_eff does not change with the embedding's length.
    """
    z = length[..., None, None]
    return 2 * parallelogram_loss(embedding, matrix)[..., None, None] / z.square() * embedding - 2 / z * (
        matrix @ embedding
    )


def effective_flow(
    embedding: Float64[Tensor, "*batch p d"], matrix: Float64[Tensor, "*#batch p p"], *, step_size: float, steps: int
) -> Float64[Tensor, "*batch p d"]:
    """The embedding after so many steps E ← E + η dE/dt, in which Z₀ is what it was at first, as the reference code
    takes them."""
    length = embedding.square().sum((-2, -1))
    for _ in range(steps):
        embedding = embedding + step_size * effective_velocity(embedding, matrix, length)
    return embedding


def steps_of_theory(
    rate: Real[np.ndarray, "*batch"], *, length: float, learning_rate: float
) -> Float[np.ndarray, "*batch"]:
    """n_h = 1 / (λ₃(H) η), the steps in which the slowest deviation falls by e; H = 2 AᵀA / Z₀ and Z₀ the `length`.

    The `rate` is λ₃ of AᵀA, so n_h = Z₀ / (2 λ₃ η). A linear structure is there after about 3 n_h (Sec. 3.2). Infinite
    where λ₃ is 0.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(length / (2 * np.asarray(rate) * learning_rate))


def times_theory(
    sizes: Real[np.ndarray, " size"],
    rate: Real[np.ndarray, " size"],
    steps: Real[np.ndarray, " size"],
    *,
    size: float,
    p: int,
    learning_rate: float,
) -> float:
    """The steps to a linear representation at a size of the training set, by the 3 n_h of its λ₃, where Z₀ = p − 1
    is that of the standardised embedding on a line. Infinite where they never came."""
    expected = 3 * steps_of_theory(rate, length=p - 1.0, learning_rate=learning_rate)
    taken = at(sizes, np.where(np.isfinite(steps), steps, np.inf), tick=size)
    return taken / at(sizes, expected, tick=size)


def random_training_sets(n_pairs: int, n_train: int, n_sets: int, generator: Generator) -> Bool[Tensor, "set pair"]:
    """So many training sets of so many of the pairs, each as likely as any other."""
    order = torch.rand(n_sets, n_pairs, generator=generator, device=generator.device).argsort(1)
    return order < n_train


def expected_rates(
    rows: Float64[Tensor, "parallelogram p"],
    quadruples: Int[Tensor, "parallelogram 2"],
    known: Bool[Tensor, "set pair"],
    *,
    free: int,
) -> tuple[float, float, float]:
    """Over training sets: how many allow but one representation, and the means of λ₃ and of λ₃ / |P₀(D)|.

    A set without parallelograms has the rates 0.
    """
    kept = inside(quadruples, known)
    rate = slowest_rate(gram(rows, kept), free=free)
    of_each = rate / kept.sum(-1).clamp_min(1)
    return float((rate > 0).double().mean()), float(rate.mean()), float(of_each.mean())
