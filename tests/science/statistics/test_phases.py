"""The four phases of Liu et al. 2022, Table 1."""

import numpy as np
import pytest

from grok.science.statistics.phases import (
    early_share_difference,
    median_finite_step,
    n_phases,
    phase,
    phase_share,
    phase_share_above_diagonal,
    phase_share_difference,
    proximity_difference,
)


@pytest.mark.parametrize(
    ("memorized", "generalized", "expected"),
    [
        (100, 1_099, "comprehension"),
        (100, 1_100, "grokking"),  # the table limits comprehension to a delay below 1,000 steps
        (100, 50, "comprehension"),
        (None, 50, "comprehension"),
        (100, None, "memorization"),
        (None, None, "confusion"),
    ],
)
def test_phases_follow_table_1_of_the_paper(memorized, generalized, expected):
    assert phase(memorized, generalized, grokking_delay=1_000) == expected


def test_a_grid_has_a_number_of_phases_and_a_share_of_each():
    grid = np.array([["grokking", "confusion"], ["grokking", "comprehension"]])
    assert n_phases(np.arange(2), np.arange(2), grid) == 3
    assert phase_share(np.arange(2), np.arange(2), grid, in_phases=["grokking"]) == 0.5


STRIPES = np.array([["comprehension", "grokking", "memorization", "confusion"]] * 3)


def stack_seeds(*grids: np.ndarray, repeated: int = 1) -> tuple[np.ndarray, ...]:
    """The ticks of both axes, the seeds, and the phases [x, y, seed]; each grid occurs for `repeated` seeds."""
    return (*map(np.arange, grids[0].shape), np.arange(repeated * len(grids)), np.stack(repeated * [*grids], -1))


VERSUS_COMPREHENSION = {"phase": "grokking", "other": "comprehension", "target": "memorization", "min_cells": 5}
VERSUS_MEMORIZATION = {"phase": "grokking", "other": "memorization", "min_cells": 5}


@pytest.mark.parametrize("transposed", [False, True])
def test_a_stripe_is_nearer_to_its_neighbor_than_to_a_stripe_behind_it(transposed):
    stripes = np.array([["comprehension"] * 2 + ["grokking"] * 2 + ["memorization", "confusion"]] * 3)
    grid = stack_seeds(stripes.T if transposed else stripes, repeated=2)
    assert proximity_difference(*grid, **VERSUS_COMPREHENSION) == 2
    assert proximity_difference(*grid, **VERSUS_MEMORIZATION, target="comprehension") == 1.5
    assert proximity_difference(*grid, **VERSUS_MEMORIZATION, target="confusion") == -1.5


def test_a_diagonal_neighbor_is_one_step_away():
    grid = np.array([["grokking", "comprehension"], ["comprehension", "memorization"]])
    assert proximity_difference(*stack_seeds(grid, repeated=5), **VERSUS_COMPREHENSION) == 0


def test_the_cells_of_all_seeds_are_pooled_and_a_seed_without_the_target_phase_does_not_count():
    near = np.array([["grokking", "memorization", "comprehension"]])
    far = np.array([["grokking", "grokking", "memorization"]])
    no_target = np.array([["grokking", "grokking", "comprehension"]])
    pooled = proximity_difference(*stack_seeds(near, far, no_target, repeated=5), **VERSUS_COMPREHENSION)
    assert pooled == pytest.approx(1 - 4 / 3)
    too_few, no_other = stack_seeds(near, far), stack_seeds(far, repeated=5)
    for grids in (too_few, no_other, stack_seeds(no_target, repeated=5)):
        assert np.isnan(proximity_difference(*grids, **VERSUS_COMPREHENSION))


def test_the_share_above_the_diagonal_is_of_the_cells_in_the_given_phases():
    x = y = np.array([1e-4, 1e-3, 1e-2])
    assert phase_share_above_diagonal(x, y, STRIPES[:, 1:], in_phases=["grokking", "confusion"]) == pytest.approx(1 / 3)
    assert phase_share_above_diagonal(x, y, STRIPES[:, 1:], in_phases=["grokking"]) == 0
    assert np.isnan(phase_share_above_diagonal(x, y, STRIPES[:, 1:], in_phases=["comprehension"]))


def test_share_differences_compare_two_ticks_of_the_last_axis():
    x, y = np.arange(3), np.array([0.0, 0.3, 1.0, 10.0])
    assert phase_share_difference(x, y, STRIPES, in_phases=["memorization"], at_tick=1.0, minus_tick=0.0) == 1
    assert phase_share_difference(x, y, STRIPES, in_phases=["grokking"], at_tick=0.0, minus_tick=0.3) == -1
    assert np.isnan(phase_share_difference(x, y, STRIPES, in_phases=["grokking"], at_tick=5.0, minus_tick=0.3))
    steps = np.array([[np.nan, 900.0, 1000.0, 1001.0]] * 3)
    assert early_share_difference(x, y, steps, by_step=1000.0, at_tick=0.3, minus_tick=0.0) == 1
    assert early_share_difference(x, y, steps, by_step=1000.0, at_tick=10.0, minus_tick=1.0) == -1
    assert np.isnan(early_share_difference(x, y, steps, by_step=1000.0, at_tick=5.0, minus_tick=1.0))


def test_the_median_step_ignores_cells_without_a_finite_step():
    x, y = np.arange(2), np.arange(3)
    assert median_finite_step(x, y, np.array([[np.nan, 100, 900], [np.nan, 2000, np.nan]])) == 900
    assert np.isnan(median_finite_step(x, y, np.full((2, 3), np.nan)))
