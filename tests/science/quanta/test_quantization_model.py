"""Predictions of the quantization model."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.special import zeta

from grok.science.quanta.quantization_model import (
    asymptotic_exponents,
    learned_with_samples,
    loss_by_exposure,
    loss_contributions,
    loss_with_learned,
    samples_needed,
    subset_bits,
    zipf_frequencies,
)
from grok.science.statistics.power_law import exponent

ALPHA = 0.4
MANY = zipf_frequencies(1_000_000, alpha=ALPHA)


def test_frequencies_sum_to_one_and_fall_as_rank_to_the_minus_alpha_plus_one():
    frequencies = zipf_frequencies(500, alpha=ALPHA)
    assert frequencies.sum() == pytest.approx(1) and frequencies[0] / frequencies[9] == pytest.approx(10**1.4)
    assert frequencies[:3] == pytest.approx([0.345, 0.131, 0.0741], abs=6e-4)  # as published (Fig. 8)


def test_the_loss_falls_from_one_bit_to_zero_by_the_frequency_of_each_subtask():
    frequencies = zipf_frequencies(5, alpha=ALPHA)
    loss = loss_with_learned(np.arange(6), frequencies)
    assert loss[0] == pytest.approx(1) and loss[-1] == 0 and -np.diff(loss) == pytest.approx(frequencies)
    assert loss_with_learned(np.array([1.5]), frequencies)[0] == pytest.approx(loss[1:3].mean())


def test_with_many_subtasks_the_loss_and_its_exponents_are_the_asymptotic_ones():
    # The sum from n + 1 is the integral from n + 1/2 (Sec. 2), minus the part beyond a million subtasks.
    n = np.array([30, 100, 300])
    beyond, from_n = ((each + 0.5) ** -ALPHA / (ALPHA * zeta(ALPHA + 1)) for each in (1e6, n))
    assert loss_with_learned(n, MANY) == pytest.approx((from_n - beyond) / (1 - beyond), rel=1e-3)
    theory, steep = asymptotic_exponents(3.0), zipf_frequencies(100_000, alpha=3.0)
    n, samples = np.geomspace(100, 1000, 50), np.geomspace(1e8, 1e12, 50)
    assert exponent(n, loss_with_learned(n, steep)) == pytest.approx(-theory.parameters, rel=0.01)
    learned = learned_with_samples(samples, steep, threshold=1.0)
    assert exponent(samples, learned) == pytest.approx(theory.learned, rel=0.01)
    assert exponent(samples, loss_with_learned(learned, steep)) == pytest.approx(-theory.data, rel=0.01)
    assert theory.data == theory.steps == 0.75


def test_few_subtasks_have_a_steeper_law_than_many():
    n = np.geomspace(5, 50, 50)
    tasks = [*(zipf_frequencies(n_subtasks, alpha=ALPHA) for n_subtasks in (100, 500)), MANY]
    steepness = [-exponent(n, loss_with_learned(n, frequencies)) for frequencies in tasks]
    assert steepness[0] > steepness[1] > steepness[2] == pytest.approx(ALPHA, abs=0.02)


def test_a_subtask_is_learned_with_the_sample_that_reaches_the_threshold():
    frequencies = zipf_frequencies(20, alpha=ALPHA)
    needed = samples_needed(frequencies, threshold=500.0)
    assert learned_with_samples(needed, frequencies, threshold=500.0).tolist() == [*range(1, 21)]
    assert learned_with_samples(needed * 0.999, frequencies, threshold=500.0).tolist() == [*range(20)]


@pytest.mark.parametrize(
    ("alpha", "learned", "published"), [(0.1, 27, 0.2751), (0.2, 25, 0.2736), (0.3, 23, 0.2972), (0.4, 20, 0.3076)]
)
def test_500_subtasks_explain_why_the_published_data_exponents_exceed_the_asymptotic_ones(alpha, learned, published):
    frequencies = zipf_frequencies(500, alpha=alpha)
    threshold = 5e6 * frequencies[learned - 1]  # from the published number learned with 5e6 samples
    samples = np.geomspace(threshold / frequencies[0], 5e6, 200)
    loss = loss_with_learned(learned_with_samples(samples, frequencies, threshold=threshold), frequencies)
    data_exponent = -exponent(samples, loss)
    assert data_exponent == pytest.approx(published, abs=0.05) and data_exponent > asymptotic_exponents(alpha).data


def test_the_contributions_of_subtasks_sum_to_the_mean_loss():
    frequencies = zipf_frequencies(4, alpha=ALPHA)
    lost = loss_contributions(np.array([[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]), frequencies)
    assert lost[:, :2].tolist() == [[0, 0], frequencies[:2].tolist()]
    assert lost.sum(-1) == pytest.approx(loss_with_learned(np.array([2, 0]), frequencies))


def test_each_subtasks_loss_is_in_the_band_of_its_exposure():
    frequencies, samples = np.array([0.5, 0.3, 0.15, 0.05]), np.array([10, 100])
    losses = np.array([[0.5, 1, 1, 1], [0, 0, 0.5, 1]])  # D p = 5, 3, 1.5, .5 and 50, 30, 15, 5
    bands = loss_by_exposure(samples, losses, frequencies, edges=[1.0, 5.0])
    assert bands == pytest.approx(np.array([[0.05, 0.45, 0.25], [0, 0, 0.125]]))
    assert bands.sum(-1) == pytest.approx(loss_contributions(losses, frequencies).sum(-1))


def test_with_fewer_examples_than_bits_many_subsets_agree_with_all_examples():
    """The 120 subsets of 3 of 10 bits are 6.9 bits of information. The examples are parities of random inputs."""
    assert subset_bits(10, k=3) == pytest.approx(math.log2(120))
    subsets = np.array([[bit in subset for bit in range(10)] for subset in combinations(range(10), 3)]).astype(int)
    rng = np.random.default_rng(0)
    agreeing = []
    for _ in range(200):
        parities = rng.integers(0, 2, size=(20, 10)) @ subsets.T % 2
        n_agree = (parities == parities[:, :1]).cumprod(0).sum(1)
        agreeing.append([n_agree[4 - 1], n_agree[20 - 1]])
    with_4_examples, with_20_examples = np.median(agreeing, axis=0)
    assert with_4_examples > 4 and with_20_examples == 1
