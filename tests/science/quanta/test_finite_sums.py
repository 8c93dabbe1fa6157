"""Finite sums: exact values, simulations, and the power laws as their limits."""

import math

import numpy as np
import pytest

from grok.science.quanta.finite_sums import (
    critical_batch_ratio,
    joint_loss,
    learned_with_loss,
    losses_by_count,
    losses_with_learned,
)
from grok.science.quanta.laws import predicted_loss
from grok.science.quanta.quantization_model import (
    asymptotic_exponents,
    learned_with_samples,
    loss_with_learned,
    zipf_frequencies,
)
from grok.science.statistics.power_law import exponent

FREQUENCIES = zipf_frequencies(100, alpha=0.4)


def hutter_error(samples: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Expected error of a learner that knows what it has seen once (Hutter 2021)."""
    return losses_by_count(samples, frequencies, threshold=1) @ frequencies


def test_hutters_sum_is_the_mean_error_of_a_simulated_table():
    samples, draws = np.array([1, 10, 100, 1000]), 4000
    assert hutter_error(samples, FREQUENCIES) == pytest.approx(
        [(FREQUENCIES * (1 - FREQUENCIES) ** n).sum() for n in samples]
    )
    rng = np.random.default_rng(0)
    unseen = np.array([(rng.multinomial(n, FREQUENCIES, size=draws) == 0) @ FREQUENCIES for n in samples])
    error = unseen.std(1) / math.sqrt(draws)
    assert (np.abs(unseen.mean(1) - hutter_error(samples, FREQUENCIES)) < 4 * error).all()


@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_for_infinitely_many_features_hutters_sum_has_the_exponent_of_data(alpha):
    n = np.geomspace(1e3, 1e5, 10).astype(int)
    many = zipf_frequencies(1_000_000, alpha=alpha)  # those beyond are missing from the sum
    error = np.array([hutter_error(n[at : at + 1], many)[0] for at in range(n.size)])
    tail = 1_000_000.5**-alpha / (alpha * (np.arange(1, 1_000_001.0) ** -(alpha + 1)).sum())
    assert -exponent(n, error + tail) == pytest.approx(asymptotic_exponents(alpha).data, rel=0.03)


def test_with_a_large_threshold_counts_give_the_staircase_and_with_a_small_one_its_mean():
    samples = np.geomspace(1e4, 1e8, 9).astype(int)
    expected = learned_with_samples(samples, FREQUENCIES, threshold=4000.0)
    learned = (losses_by_count(samples, FREQUENCIES, threshold=4000.0) < 0.5).sum(1)
    assert np.abs(learned - expected).max() <= 1
    rng, n = np.random.default_rng(1), 2000
    few = np.mean([rng.multinomial(n, FREQUENCIES) < 20 for _ in range(2000)], axis=0)
    assert losses_by_count(np.array([n]), FREQUENCIES, threshold=20)[0] == pytest.approx(few, abs=0.05)


def test_neurons_are_given_to_one_skill_after_the_other():
    width, each = np.array([0.0, 3.0, 4.0, 10.0, 1000.0]), 4.0
    losses = losses_with_learned(width / each, 100)
    share = [[min(1, max(0, (n - (k - 1) * each) / each)) for k in range(1, 101)] for n in width]
    assert 1 - losses == pytest.approx(np.array(share))
    assert losses @ FREQUENCIES == pytest.approx(predicted_loss("parameters", width, FREQUENCIES, constant=each))


def test_the_number_learned_is_recovered_from_the_loss():
    n = np.linspace(0, 100, 41)
    assert learned_with_loss(loss_with_learned(n, FREQUENCIES), FREQUENCIES) == pytest.approx(n)


def test_a_sum_of_two_limits_is_the_larger_one_if_the_other_is_small_and_never_above_chance():
    first, second = np.array([0.3, 0.9, 0.4]), np.array([0.0, 0.8, 0.4])
    assert joint_loss(first, second, rule="larger").tolist() == [0.3, 0.9, 0.4]
    assert joint_loss(first, second, rule="sum") == pytest.approx([0.3, 1.0, 0.8])


def test_the_critical_batch_size_is_recovered():
    def examples(batch: int) -> float:
        return 3000 * (1 + batch / 1400)

    known = {2000: examples(2000) / examples(500)}
    assert critical_batch_ratio(known, large=8000, small=500) == pytest.approx(examples(8000) / examples(500))
    assert math.isnan(critical_batch_ratio({2000: 1.0}, large=8000, small=500))
    assert math.isnan(critical_batch_ratio({2000: 4.0}, large=8000, small=500))
