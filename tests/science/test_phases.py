"""The four phases of Liu et al. 2022, Table 1."""

import numpy as np
import pytest

from grok.science.phases import how_many, phase, share


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
