"""The four phases of Liu et al. 2022, Table 1."""

import pytest

from grok.science.phases import phase


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
