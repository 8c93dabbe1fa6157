"""The four phases of Liu et al. 2022, Table 1."""

import numpy as np
import pytest

from grok.science.phases import how_many, phase, share, share_beside, share_gained, share_of


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
    assert share(np.arange(2), np.arange(2), grid, of="grokking") == 0.5


STRIPES = np.array([["comprehension", "grokking", "memorization", "confusion"]] * 3)


def test_a_stripe_borders_on_the_stripes_beside_it_and_no_other():
    x, y = np.arange(3), np.arange(4)
    assert share_beside(x, y, STRIPES, of="grokking", beside=["memorization"]) == 1
    assert share_beside(x, y, STRIPES, of="grokking", beside=["confusion"]) == 0
    assert share_beside(x, y, STRIPES, of="comprehension", beside=["confusion", "grokking"]) == 1
    assert np.isnan(share_beside(x, y, STRIPES, of="none", beside=["grokking"]))
    assert share_of(x, y, STRIPES, of=["grokking", "comprehension"]) == 0.5


def test_shares_are_compared_at_two_values_of_the_second_axis():
    x, y = np.arange(3), np.array([0.0, 0.3, 1.0, 10.0])
    assert share_gained(x, y, STRIPES, of=["memorization"], at=1.0, over=0.0) == 1
    assert share_gained(x, y, STRIPES, of=["grokking"], at=0.0, over=0.3) == -1
    assert np.isnan(share_gained(x, y, STRIPES, of=["grokking"], at=5.0, over=0.3))
