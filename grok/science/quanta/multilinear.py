"""The multilinear model of skills, f = Σ a_k b_k g_k, has closed forms (Nam et al. 2024, arXiv:2404.17563).

Skill k has the frequency P_k ∝ k^−(α+1) and the target S g_k; the skill functions g_k do not overlap. Its strength is
R_k = a_k b_k. The loss is (S − R_k)² / 2, averaged over the skills by P_k.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Real


def strength_over_time(
    time: Real[np.ndarray, " point"],
    frequencies: Float[np.ndarray, " skill"],
    *,
    rate: float,
    target: float,
    start: float,
) -> Float[np.ndarray, "point skill"]:
    """R_k / S = 1 / (1 + (S / R_k(0) − 1) exp(−2 η P_k S T)) under gradient flow from a_k(0) = b_k(0).

    `rate` is η, the learning rate per unit of time; for a network it is that times B², the mean square of its features.
    """
    with np.errstate(over="ignore"):
        growth = np.exp(2 * rate * target * time[:, None] * frequencies)
    return np.asarray(1 - _missing_share(growth, target=target, start=start))


def strength_with_data(counts: Real[np.ndarray, "point skill"], *, critical: float) -> Float[np.ndarray, "point skill"]:
    """R_k / S = 1 − √(1 − d_k / D_c) for d_k examples of a skill, at most D_c."""
    return np.asarray(1 - np.sqrt(1 - np.minimum(counts / critical, 1.0)))


def strength_with_width(
    width: Real[np.ndarray, " point"], n_skills: int, *, each: float
) -> Float[np.ndarray, "point skill"]:
    """R_k / S = min(1, (N − (k − 1) N_c) / N_c), at least 0: neurons go to one skill after the other."""
    return np.asarray(np.clip(width[:, None] / each - np.arange(n_skills), 0.0, 1.0))


def multilinear_loss(
    strength: Float[np.ndarray, "point skill"], frequencies: Float[np.ndarray, " skill"], *, target: float
) -> Float[np.ndarray, " point"]:
    """Mean loss S² / 2 Σ P_k (1 − R_k / S)²."""
    return np.asarray(target**2 / 2 * (1 - strength) ** 2 @ frequencies)


def loss_over_time_with_skills(
    time: Real[np.ndarray, " point"],
    frequencies: Float[np.ndarray, " skill"],
    *,
    n_skills: int,
    rate: float,
    target: float,
    start: float,
) -> Float[np.ndarray, " point"]:
    """Mean loss of a model with the `n_skills` most frequent skills only; it never learns the others."""
    strength = np.zeros((time.size, frequencies.size))
    strength[:, :n_skills] = strength_over_time(time, frequencies[:n_skills], rate=rate, target=target, start=start)
    return multilinear_loss(strength, frequencies, target=target)


def multilinear_exponents(alpha: float) -> dict[str, float]:
    """Exponents of the loss for infinitely many skills: in time, data, parameters, and compute C = N T."""
    return {
        "time": alpha / (alpha + 1),
        "data": alpha / (alpha + 1),
        "parameters": alpha,
        "compute": alpha / (alpha + 2),
    }


def _missing_share(growth: np.ndarray, *, target: float, start: float) -> np.ndarray:
    """1 − R / S = 1 / (1 + growth / (S / R(0) − 1)); it does not lose digits where R is near S."""
    missing: np.ndarray = 1 / (1 + growth / (target / start - 1))
    return missing
