"""The four phases of Liu et al. 2022, Table 1."""

import numpy as np
import pytest

from grok.science.phases import (
    early_gained,
    how_many,
    median_reached,
    nearer,
    phase,
    share_above,
    share_gained,
    share_of,
)


@pytest.mark.parametrize(
    ("memorized", "generalized", "expected"),
    [
        (100, 1_099, "comprehension"),
        (100, 1_100, "grokking"),  # the table's lag is below 1,000 steps for comprehension
        (100, 50, "comprehension"),
        (None, 50, "comprehension"),
        (100, None, "memorization"),
        (None, None, "confusion"),
    ],
)
def test_phases_follow_the_papers_table(memorized, generalized, expected):
    assert phase(memorized, generalized, grokking_delay=1_000) == expected


def test_phases_of_a_grid_are_counted():
    grid = np.array([["grokking", "confusion"], ["grokking", "comprehension"]])
    assert how_many(np.arange(2), np.arange(2), grid) == 3
    assert share_of(np.arange(2), np.arange(2), grid, of=["grokking"]) == 0.5


STRIPES = np.array([["comprehension", "grokking", "memorization", "confusion"]] * 3)


def of_seeds(*grids: np.ndarray, repeated: int = 1) -> tuple[np.ndarray, ...]:
    """The ticks of both axes and of seeds, and the phases on the seeds' grids, each so many times."""
    return (*map(np.arange, grids[0].shape), np.arange(repeated * len(grids)), np.stack(repeated * [*grids], -1))


@pytest.mark.parametrize("turned", [False, True])
def test_a_stripe_is_nearer_to_one_beside_it_than_the_stripe_on_its_other_side(turned):
    stripes = np.array([["comprehension"] * 2 + ["grokking"] * 2 + ["memorization", "confusion"]] * 3)
    grid = of_seeds(stripes.T if turned else stripes, repeated=2)
    assert nearer(*grid, of="grokking", than="comprehension", to="memorization", least=5) == 2
    assert nearer(*grid, of="grokking", than="memorization", to="comprehension", least=5) == 1.5
    assert nearer(*grid, of="grokking", than="memorization", to="confusion", least=5) == -1.5


def test_a_step_across_a_corner_is_one_step():
    grid = np.array([["grokking", "comprehension"], ["comprehension", "memorization"]])
    assert nearer(*of_seeds(grid, repeated=5), of="grokking", than="comprehension", to="memorization", least=5) == 0


def test_cells_of_all_seeds_count_alike_and_a_seed_without_the_third_phase_not_at_all():
    near = np.array([["grokking", "memorization", "comprehension"]])
    far = np.array([["grokking", "grokking", "memorization"]])
    none = np.array([["grokking", "grokking", "comprehension"]])
    together = nearer(
        *of_seeds(near, far, none, repeated=5), of="grokking", than="comprehension", to="memorization", least=5
    )
    assert together == pytest.approx(1 - 4 / 3)
    for grids in (of_seeds(near, far), of_seeds(far, repeated=5), of_seeds(none, repeated=5)):  # too few; one lacks
        assert np.isnan(nearer(*grids, of="grokking", than="comprehension", to="memorization", least=5))


def test_cells_above_the_diagonal_are_counted_among_those_of_some_phases():
    x = y = np.array([1e-4, 1e-3, 1e-2])
    assert share_above(x, y, STRIPES[:, 1:], of=["grokking", "confusion"]) == pytest.approx(1 / 3)
    assert share_above(x, y, STRIPES[:, 1:], of=["grokking"]) == 0
    assert np.isnan(share_above(x, y, STRIPES[:, 1:], of=["comprehension"]))


def test_shares_are_compared_at_two_values_of_the_second_axis():
    x, y = np.arange(3), np.array([0.0, 0.3, 1.0, 10.0])
    assert share_gained(x, y, STRIPES, of=["memorization"], at=1.0, over=0.0) == 1
    assert share_gained(x, y, STRIPES, of=["grokking"], at=0.0, over=0.3) == -1
    assert np.isnan(share_gained(x, y, STRIPES, of=["grokking"], at=5.0, over=0.3))
    steps = np.array([[np.nan, 900.0, 1000.0, 1001.0]] * 3)
    assert early_gained(x, y, steps, by=1000.0, at=0.3, over=0.0) == 1
    assert early_gained(x, y, steps, by=1000.0, at=10.0, over=1.0) == -1
    assert np.isnan(early_gained(x, y, steps, by=1000.0, at=5.0, over=1.0))


def test_the_median_step_is_of_the_cells_that_come_there():
    x, y = np.arange(2), np.arange(3)
    assert median_reached(x, y, np.array([[np.nan, 100, 900], [np.nan, 2000, np.nan]])) == 900
    assert np.isnan(median_reached(x, y, np.full((2, 3), np.nan)))
