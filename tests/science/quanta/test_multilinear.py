"""The closed multilinear model: its flow, and our exponent code on its exact curves."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from grok.science.quanta.compute import finite_exponent
from grok.science.quanta.multilinear import strength_over_time, strength_with_data, strength_with_width
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.quanta.subtask_losses import loss_exponent

ALPHAS = (0.6, 1.0)
N_SKILLS = 20_000
TARGET = 5.0
MODEL = {"rate": 5.0, "onset": np.log(TARGET / 1e-6 - 1)}


def tail(alpha: float) -> float:
    """The loss of the skills beyond the last, relative to the frequencies of the first."""
    rest = (N_SKILLS + 0.5) ** -alpha / alpha
    return TARGET**2 / 2 * rest / (np.arange(1, N_SKILLS + 1.0) ** -(alpha + 1)).sum()


def mean_loss(strength: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """S² / 2 Σ P_k (1 − R_k / S)²."""
    return TARGET**2 / 2 * (1 - strength) ** 2 @ frequencies


def exponents(alpha: float) -> dict[str, float]:
    """Those of the loss for infinitely many skills: in time, data, parameters, and compute C = N T."""
    by_own_examples = alpha / (alpha + 1)
    return {"time": by_own_examples, "data": by_own_examples, "parameters": alpha, "compute": alpha / (alpha + 2)}


def test_the_closed_form_solves_the_gradient_flow():
    frequencies, time = zipf_frequencies(5, alpha=0.6), np.linspace(0, 60, 13)
    rate, target, start = 0.05, 5.0, 0.01

    def flow(_, weights):
        a, b = weights.reshape(2, 5)
        return np.concatenate([rate * frequencies * (target - a * b) * each for each in (b, a)])

    solved = solve_ivp(flow, (0, 60), np.full(10, np.sqrt(start)), t_eval=time, rtol=1e-9, atol=1e-12).y
    expected = solved[:5].T * solved[5:].T / target
    found = strength_over_time(time, frequencies, rate=2 * rate * target, onset=np.log(target / start - 1))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_exponent_code_returns_the_exponents_of_the_theory_on_exact_curves(alpha):
    """Tolerance 2 %: the theory holds for large T, D and N."""
    frequencies, theory = zipf_frequencies(N_SKILLS, alpha=alpha), exponents(alpha)
    time = np.geomspace(1e3, 1e4, 20)
    counts = np.geomspace(1e5, 1e6, 20)[:, None] * frequencies
    width = np.geomspace(100, 1000, 20)
    curves = {
        "time": (time, strength_over_time(time, frequencies, **MODEL)),
        "data": (counts[:, 0], strength_with_data(counts, critical=800.0)),
        "parameters": (width, strength_with_width(width, N_SKILLS, each=4.0)),
    }
    for name, (x, strength) in curves.items():
        loss = mean_loss(strength, frequencies) + tail(alpha)
        assert loss_exponent(x, loss) == pytest.approx(theory[name], rel=0.02), name


def loss_with_first_skills(n: int, time: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """The mean loss of a model with the n most frequent skills only; it never learns the others."""
    strength = np.zeros((time.size, frequencies.size))
    strength[:, :n] = strength_over_time(time, frequencies[:n], **MODEL)
    return mean_loss(strength, frequencies)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_lowest_loss_over_sizes_has_the_exponent_of_compute(alpha):
    frequencies = zipf_frequencies(N_SKILLS, alpha=alpha)
    compute, sizes = np.geomspace(3e4, 3e6, 12), np.unique(np.geomspace(3, 3000, 90).round().astype(int))
    losses = [loss_with_first_skills(int(n), compute / n, frequencies) for n in sizes]
    lowest = np.min(losses, axis=0) + tail(alpha)
    assert -finite_exponent(compute, lowest) == pytest.approx(exponents(alpha)["compute"], rel=0.04)
