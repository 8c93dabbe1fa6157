"""The multilinear model of skills, f = Σ a_k b_k g_k, has closed forms (Nam et al. 2024, arXiv:2404.17563).

Skill k has the frequency P_k ∝ k^−(α+1) and the target S g_k; the skill functions g_k do not overlap. Its strength is
R_k = a_k b_k.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Real
from scipy.special import expit

from grok.science.quanta.finite_sums import losses_with_learned


def strength_over_time(
    time: Real[np.ndarray, " point"], frequencies: Float[np.ndarray, " skill"], *, rate: float, onset: float
) -> Float[np.ndarray, "point skill"]:
    """R_k / S = 1 / (1 + e^(onset − rate P_k T)), which solves gradient flow from a_k(0) = b_k(0).

    The rate is 2 η S for the learning rate η per unit of time, and the onset is ln(S / R_k(0) − 1). For a network, η
    includes B², the mean square of its features.
    """
    strength: np.ndarray = expit(rate * time[:, None] * frequencies - onset)
    return strength


def strength_with_data(counts: Real[np.ndarray, "point skill"], *, critical: float) -> Float[np.ndarray, "point skill"]:
    """R_k / S = 1 − √(1 − d_k / D_c) for d_k examples of a skill, at most D_c."""
    return np.asarray(1 - np.sqrt(1 - np.minimum(counts / critical, 1.0)))


def strength_with_width(
    width: Real[np.ndarray, " point"], n_skills: int, *, each: float
) -> Float[np.ndarray, "point skill"]:
    """R_k / S = min(1, (N − (k − 1) N_c) / N_c), at least 0: neurons go to one skill after the other."""
    return 1 - losses_with_learned(width / each, n_skills)
