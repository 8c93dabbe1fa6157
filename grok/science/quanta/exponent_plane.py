"""The plane of exponents: α_N in parameters and α_D in data of a loss, and its two lines (Michaud et al. 2023, App.).

On the equal line α_D = α_N. By the quantization model α_D = α_N / (1 + α_N), which is lower.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Real

from grok.science.quanta.quantization_model import asymptotic_exponents


def model_line(alpha_n: Real[np.ndarray, "*point"]) -> Real[np.ndarray, "*point"]:
    """α_D by the quantization model."""
    line = np.array([asymptotic_exponents(alpha).data for alpha in np.ravel(alpha_n)])
    return np.reshape(line, np.shape(alpha_n))


def n_below_equal(
    points: np.ndarray, alpha_n: Real[np.ndarray, " point"], alpha_d: Real[np.ndarray, " point"]
) -> float:
    """The number of points below the equal line."""
    return float((alpha_d < alpha_n).sum())


def position_between_lines(alpha_n: Real[np.ndarray, ""], alpha_d: Real[np.ndarray, ""]) -> float:
    """Where α_D lies on the way from the model's line to the equal line: 0 and 1 on the lines."""
    model = model_line(alpha_n)
    return float((alpha_d - model) / (alpha_n - model))


def max_distance_from_model(
    points: np.ndarray, alpha_n: Real[np.ndarray, " point"], alpha_d: Real[np.ndarray, " point"]
) -> float:
    """The largest |α_D − α_N / (1 + α_N)| over the points."""
    return float(np.abs(alpha_d - model_line(alpha_n)).max())


def distance_ratio(
    points: np.ndarray, alpha_n: Real[np.ndarray, " point"], alpha_d: Real[np.ndarray, " point"]
) -> float:
    """The mean |α_D − α_N / (1 + α_N)| divided by the mean |α_D − α_N|; below 1 if the model's line is nearer."""
    return float(np.abs(alpha_d - model_line(alpha_n)).mean() / np.abs(alpha_d - alpha_n).mean())
