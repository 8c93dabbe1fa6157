"""Which subtasks and tokens are learned, when and how suddenly."""

import math

import numpy as np
import pytest

from grok.science.emergence import (
    CONVERGED,
    IGNORANCE,
    LEARNED,
    NATS_PER_BIT,
    convergence_steps,
    is_polygenic,
    monogenic_from,
    n_learned,
    order_of_learning,
    transition_decades,
)

STEPS = np.array([0, 10, 100, 1000, 10_000])
# Each falls in one decade of steps, the last one never.
LOSSES = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], float).T
# Bits of the token over seven sizes of Pythia, as published (Michaud et al. 2023, Fig. 4), and the parameters.
OF_A_TOKEN = NATS_PER_BIT / IGNORANCE  # of what ignorance costs, a bit
SHARP = OF_A_TOKEN * np.array(
    [
        [11.616, 12.54, 12.5, 11.297, 0.422, 0.223, 0.056],
        [9.524, 8.228, 7.774, 8.951, 8.703, 8.513, 0.117],
        [10.547, 9.842, 9.873, 0.221, 0.072, 0.034, 0.211],
    ]
)
SMOOTH = OF_A_TOKEN * np.array(
    [
        [9.134, 7.681, 5.683, 4.366, 4.116, 3.219, 1.68],
        [6.744, 5.545, 4.527, 3.648, 3.243, 2.774, 1.354],
        [9.252, 7.311, 6.309, 5.248, 5.18, 4.363, 3.965],
    ]
)
PARAMETERS = np.array([18_915_328, 85_056_000, 302_311_424, 805_736_448, 1_208_602_624, 2_517_652_480, 6_444_163_072])


def test_what_is_learned_is_below_the_threshold_in_its_own_unit():
    assert n_learned(LOSSES, below=LEARNED).tolist() == [0, 0, 1, 2, 3]
    between = np.array([0.12, np.nan])  # bits: below .1 nats, not below .1 bits
    assert n_learned(between, below=LEARNED) == 1 and n_learned(between, below=CONVERGED) == 0
    assert n_learned(np.array([0.099, 0.101]) / NATS_PER_BIT, below=LEARNED) == 1


def test_a_subtask_converges_at_the_first_look_below_the_threshold_or_never():
    found = convergence_steps(STEPS, LOSSES, below=CONVERGED)
    assert found[:3].tolist() == [100, 1000, 10_000] and np.isnan(found[3])


def test_an_order_is_whole_whoever_was_never_learned_and_turned_round_is_minus_one():
    planted = np.array([10.0, 20, 50, np.nan, 400, np.nan])
    assert order_of_learning(planted) == pytest.approx(1) and order_of_learning(planted[::-1]) == pytest.approx(-1)
    assert order_of_learning(np.array([10.0, 50, 20, 400])) == pytest.approx(0.8)  # 1 − 6 Σd² / (n³ − n)
    assert math.isnan(order_of_learning(np.array([10.0, 20, np.nan])))
    assert math.isnan(order_of_learning(np.full(5, 10.0)))


def test_a_fall_from_one_look_to_the_next_takes_the_middle_eight_tenths_of_it():
    widths = transition_decades(STEPS, LOSSES)
    assert widths[:3] == pytest.approx([0.8] * 3) and np.isnan(widths[3])
    gradual = np.array([1.0, 1.0, 0.75, 0.25, 0.0])[:, None]
    assert transition_decades(STEPS, gradual)[0] == pytest.approx(3.6 - 1.4)


def test_sharp_tokens_are_monogenic_from_the_size_that_knows_them():
    assert monogenic_from(SHARP).tolist() == [4, 6, 3]
    assert not is_polygenic(SHARP, PARAMETERS).any()


def test_smooth_tokens_are_polygenic():
    assert is_polygenic(SMOOTH, PARAMETERS).all()
    assert monogenic_from(SMOOTH).tolist() == [-1] * 3


def test_a_token_that_all_know_or_none_has_no_size_from_which_it_is_known():
    assert monogenic_from(np.array([[0.01] * 7, [0.9] * 7])).tolist() == [-1, -1]


def test_the_rules_for_tokens_are_in_nats():
    at = np.array([6.0, 6.0, 0.1])
    assert monogenic_from(OF_A_TOKEN * at) == -1  # 6 bits are 4.2 nats
    assert monogenic_from(at / IGNORANCE) == 2


def test_parities_learned_from_one_size_to_the_next_are_monogenic_and_their_mean_polygenic():
    sizes, ranks = np.geomspace(1, 64, 7), np.arange(64)
    losses = (ranks[:, None] >= sizes).astype(float)  # as many known as there is room for
    assert monogenic_from(losses)[1:].min() >= 1  # all but the first, which all know
    line = (losses * (1 / (1 + ranks))[:, None]).sum(0) / (1 / (1 + ranks)).sum()  # α = 0: equally much by e-fold
    assert is_polygenic(line, sizes) and not is_polygenic(losses[32], sizes)
