"""The four phases of Liu et al. 2022, Table 1."""

import numpy as np
import pytest

from grok.science.phases import how_many, phase, share_beside, share_between, share_gained, share_of


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


AXES = (np.arange(3), np.arange(3))
STRIPES = np.array([["comprehension", "grokking", "memorization", "confusion"]] * 3)


def test_a_stripe_borders_on_the_stripes_beside_it_and_no_other():
    x, y = np.arange(3), np.arange(4)
    assert share_beside(x, y, STRIPES, of="grokking", beside=["memorization"]) == 1
    assert share_beside(x, y, STRIPES, of="grokking", beside=["confusion"]) == 0
    assert share_beside(x, y, STRIPES, of="comprehension", beside=["confusion", "grokking"]) == 1
    assert np.isnan(share_beside(x, y, STRIPES, of="none", beside=["grokking"]))
    assert share_of(x, y, STRIPES, of=["grokking", "comprehension"]) == 0.5


@pytest.mark.parametrize("turned", [False, True])
def test_a_stripe_of_any_width_lies_between_the_stripes_beside_it_and_no_other(turned):
    for width in (1, 2, 4):
        stripes = np.array([["comprehension"] * 2 + ["grokking"] * width + ["memorization", "confusion"]] * 3)
        x, y, grid = np.arange(3), np.arange(width + 4), stripes.T if turned else stripes
        assert share_between(x, y, grid, of="grokking", between=["memorization", "comprehension"]) == 1
        assert share_between(x, y, grid, of="grokking", between=["comprehension", "confusion"]) == 0
    assert np.isnan(share_between(x, y, grid, of="none", between=["comprehension", "confusion"]))


def test_a_phase_beside_one_of_two_others_is_not_between_them():
    beside_one = np.array([["comprehension", "grokking", "confusion"]] * 3)
    assert share_beside(*AXES, beside_one, of="grokking", beside=["comprehension", "memorization"]) == 1
    assert share_between(*AXES, beside_one, of="grokking", between=["comprehension", "memorization"]) == 0
    at_the_edge = np.array([["comprehension", "grokking", "grokking"]] * 2 + [["memorization"] * 3])
    assert share_between(*AXES, at_the_edge, of="grokking", between=["comprehension", "memorization"]) == 1


def test_shares_are_compared_at_two_values_of_the_second_axis():
    x, y = np.arange(3), np.array([0.0, 0.3, 1.0, 10.0])
    assert share_gained(x, y, STRIPES, of=["memorization"], at=1.0, over=0.0) == 1
    assert share_gained(x, y, STRIPES, of=["grokking"], at=0.0, over=0.3) == -1
    assert np.isnan(share_gained(x, y, STRIPES, of=["grokking"], at=5.0, over=0.3))
