"""Learning of subtasks and tokens: which, when and how suddenly."""

import math

import numpy as np
import pytest

from grok.science.quanta.emergence import (
    CONVERGED_BITS,
    LEARNED_BITS,
    NATS_PER_BIT,
    convergence_steps,
    is_polygenic,
    learning_order_correlation,
    monogenic_from,
    n_learned,
    shares_of_chance,
    transition_decades,
)

STEPS = np.array([0, 10, 100, 1000, 10_000])
# Each subtask falls within one decade of steps, the last one never.
LOSSES = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], float).T
# A token's loss in bits at seven sizes of Pythia, as published (Michaud et al. 2023, Fig. 4), and the parameters.
SHARP = np.array(
    [
        [11.616, 12.54, 12.5, 11.297, 0.422, 0.223, 0.056],
        [9.524, 8.228, 7.774, 8.951, 8.703, 8.513, 0.117],
        [10.547, 9.842, 9.873, 0.221, 0.072, 0.034, 0.211],
    ]
)
SMOOTH = np.array(
    [
        [9.134, 7.681, 5.683, 4.366, 4.116, 3.219, 1.68],
        [6.744, 5.545, 4.527, 3.648, 3.243, 2.774, 1.354],
        [9.252, 7.311, 6.309, 5.248, 5.18, 4.363, 3.965],
    ]
)
PARAMETERS = np.array([18_915_328, 85_056_000, 302_311_424, 805_736_448, 1_208_602_624, 2_517_652_480, 6_444_163_072])


def test_a_subtask_is_learned_below_the_threshold_in_bits():
    assert n_learned(LOSSES, below=LEARNED_BITS).tolist() == [0, 0, 1, 2, 3]
    losses = np.array([0.12, np.nan])  # bits: below .1 nats, not below .1 bits
    assert n_learned(losses, below=LEARNED_BITS) == 1 and n_learned(losses, below=CONVERGED_BITS) == 0
    assert n_learned(np.array([0.099, 0.101]) / NATS_PER_BIT, below=LEARNED_BITS) == 1


def test_a_subtask_converges_at_the_first_evaluation_below_the_threshold_or_never():
    converged = convergence_steps(STEPS, LOSSES, below=CONVERGED_BITS)
    assert converged[:3].tolist() == [100, 1000, 10_000] and np.isnan(converged[3])


def test_the_order_correlation_ignores_subtasks_that_were_not_learned_and_is_minus_one_if_reversed():
    planted = np.array([10.0, 20, 50, np.nan, 400, np.nan])
    assert learning_order_correlation(planted) == pytest.approx(1)
    assert learning_order_correlation(planted[::-1]) == pytest.approx(-1)
    assert learning_order_correlation(np.array([10.0, 50, 20, 400])) == pytest.approx(0.8)  # 1 − 6 Σd² / (n³ − n)
    assert math.isnan(learning_order_correlation(np.array([10.0, 20, np.nan])))
    assert math.isnan(learning_order_correlation(np.full(5, 10.0)))


def test_a_fall_between_two_evaluations_has_a_width_of_eight_tenths_of_their_distance():
    widths = transition_decades(STEPS, LOSSES)
    assert widths[:3] == pytest.approx([0.8] * 3) and np.isnan(widths[3])
    gradual = np.array([1.0, 1.0, 0.75, 0.25, 0.0])[:, None]
    assert transition_decades(STEPS, gradual)[0] == pytest.approx(3.6 - 1.4)


def test_sharp_tokens_are_monogenic_from_the_first_model_that_knows_them():
    assert monogenic_from(SHARP, unit="bits").tolist() == [4, 6, 3]
    assert not is_polygenic(SHARP, PARAMETERS, unit="bits").any()


def test_smooth_tokens_are_polygenic():
    assert is_polygenic(SMOOTH, PARAMETERS, unit="bits").all()
    assert monogenic_from(SMOOTH, unit="bits").tolist() == [-1] * 3


def test_a_token_that_all_models_know_or_no_model_knows_is_not_monogenic():
    assert monogenic_from(np.array([[0.01] * 7, [0.9] * 7]), unit="shares").tolist() == [-1, -1]


def test_the_rules_for_tokens_are_in_nats():
    losses = np.array([6.0, 6.0, 0.1])
    assert monogenic_from(losses, unit="bits") == -1  # 6 bits are 4.2 nats
    assert monogenic_from(losses, unit="nats") == 2
    bits = losses / NATS_PER_BIT
    np.testing.assert_allclose(shares_of_chance(bits, unit="bits"), shares_of_chance(losses, unit="nats"))


@pytest.mark.parametrize(
    ("losses", "unit", "message"),
    [
        (SHARP, "nat", "must be one of nats, bits, shares"),
        (SHARP, "shares", "no shares"),  # bits
        (SMOOTH - 3, "bits", "must be at least 0"),
    ],
)
def test_losses_of_another_unit_are_refused(losses, unit, message):
    for refuse in (lambda: monogenic_from(losses, unit=unit), lambda: is_polygenic(losses, PARAMETERS, unit=unit)):
        with pytest.raises(ValueError, match=message):
            refuse()


def test_parities_learned_between_two_sizes_are_monogenic_and_their_mean_is_polygenic():
    sizes, ranks = np.geomspace(1, 64, 7), np.arange(64)
    losses = (ranks[:, None] >= sizes).astype(float)  # a model of size n knows n parities
    assert monogenic_from(losses, unit="shares")[1:].min() >= 1  # all but the first, which all models know
    # The mean at α = 0, which falls by the same amount per e-fold.
    mean = (losses * (1 / (1 + ranks))[:, None]).sum(0) / (1 / (1 + ranks)).sum()
    assert is_polygenic(mean, sizes, unit="shares")
    assert not is_polygenic(losses[32], sizes, unit="shares")
