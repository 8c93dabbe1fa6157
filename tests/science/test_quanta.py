"""What the quantization model predicts."""

from functools import partial

import numpy as np
import pytest

from grok.science.quanta import (
    asymptotic_exponents,
    asymptotic_loss,
    bits_lost,
    finite_exponent,
    learned_with_samples,
    loss_against_samples,
    loss_with_learned,
    samples_needed,
    samples_threshold,
    zipf_frequencies,
)

ALPHA = 0.4
MANY = zipf_frequencies(1_000_000, alpha=ALPHA)


def test_frequencies_sum_to_one_and_fall_by_rank_to_the_alpha_plus_one():
    frequencies = zipf_frequencies(500, alpha=ALPHA)
    assert frequencies.sum() == pytest.approx(1) and frequencies[0] / frequencies[9] == pytest.approx(10**1.4)
    assert frequencies[:3] == pytest.approx([0.345, 0.131, 0.0741], abs=6e-4)  # as published (Fig. 8)


def test_the_loss_falls_from_a_bit_to_nothing_by_the_frequency_of_each_subtask():
    frequencies = zipf_frequencies(5, alpha=ALPHA)
    loss = loss_with_learned(np.arange(6), frequencies)
    assert loss[0] == pytest.approx(1) and loss[-1] == 0 and -np.diff(loss) == pytest.approx(frequencies)
    assert loss_with_learned(np.array([1.5]), frequencies)[0] == pytest.approx(loss[1:3].mean())


def test_with_many_subtasks_the_loss_and_its_exponents_are_the_asymptotic_ones():
    # the sum from n + 1 on is the integral from n + 1/2 on, and what a million subtasks leave out
    n = np.array([30, 100, 300])
    rest = asymptotic_loss(np.array([1e6]), alpha=ALPHA)[0]
    expected = (asymptotic_loss(n + 0.5, alpha=ALPHA) - rest) / (1 - rest)
    assert loss_with_learned(n, MANY) == pytest.approx(expected, rel=1e-3)
    theory, steep = asymptotic_exponents(3.0), zipf_frequencies(100_000, alpha=3.0)
    over = dict(from_x=100.0, to_x=1000.0, n_points=50)
    assert finite_exponent(lambda n: loss_with_learned(n, steep), **over) == pytest.approx(-theory.parameters, rel=0.01)
    over = dict(from_x=1e8, to_x=1e12, n_points=50)
    found = finite_exponent(lambda d: loss_against_samples(d, steep, threshold=1.0), **over)
    assert found == pytest.approx(-theory.data, rel=0.01) and theory.data == theory.steps == 0.75
    found = finite_exponent(lambda d: learned_with_samples(d, steep, threshold=1.0), **over)
    assert found == pytest.approx(theory.learned, rel=0.01)


def test_few_subtasks_have_a_steeper_law_than_many():
    few, some = (zipf_frequencies(size, alpha=ALPHA) for size in (100, 500))
    steepness = [
        -finite_exponent(partial(loss_with_learned, frequencies=of), from_x=5.0, to_x=50.0, n_points=50)
        for of in (few, some, MANY)
    ]
    assert steepness[0] > steepness[1] > steepness[2] == pytest.approx(ALPHA, abs=0.02)


def test_a_subtask_is_learned_with_the_sample_that_makes_its_number():
    frequencies = zipf_frequencies(20, alpha=ALPHA)
    needed = samples_needed(frequencies, threshold=500.0)
    assert learned_with_samples(needed, frequencies, threshold=500.0).tolist() == [*range(1, 21)]
    assert learned_with_samples(needed * 0.999, frequencies, threshold=500.0).tolist() == [*range(20)]
    assert loss_against_samples(needed[[0, -1]], frequencies, threshold=500.0) == pytest.approx([1 - frequencies[0], 0])
    seen = np.where(np.arange(20) < 12, needed, np.nan)  # those that were never learned say nothing
    assert samples_threshold(seen, frequencies) == pytest.approx(500)
    assert np.isnan(samples_threshold(np.full(20, np.nan), frequencies))


@pytest.mark.parametrize(
    ("alpha", "learned", "published"), [(0.1, 27, 0.2751), (0.2, 25, 0.2736), (0.3, 23, 0.2972), (0.4, 20, 0.3076)]
)
def test_that_the_published_data_exponents_are_above_theirs_is_what_500_subtasks_do(alpha, learned, published):
    frequencies = zipf_frequencies(500, alpha=alpha)
    threshold = 5e6 * frequencies[learned - 1]  # the published number learned with 5e6 samples
    found = -finite_exponent(
        lambda samples: loss_against_samples(samples, frequencies, threshold=threshold),
        from_x=threshold / frequencies[0],
        to_x=5e6,
        n_points=200,
    )
    assert found == pytest.approx(published, abs=0.05) and found > asymptotic_exponents(alpha).data


def test_what_the_subtasks_lose_sums_to_the_mean_loss():
    frequencies = zipf_frequencies(4, alpha=ALPHA)
    lost = bits_lost(np.array([[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]), frequencies)
    assert lost[:, :2].tolist() == [[0, 0], frequencies[:2].tolist()]
    assert lost.sum(-1) == pytest.approx(loss_with_learned(np.array([2, 0]), frequencies))
