"""Wrong values for keys of all tasks, which follow from the configuration, are refused in one line or can be trained.

`python -m tests.benchmarks.bad_inputs` tries all of them; this is a sample.
"""

import random

from tests.benchmarks.bad_inputs import all_cases, problem


def test_wrong_values_are_refused_in_one_line_or_can_be_trained():
    cases = random.Random(0).sample(all_cases(), 300)
    assert {case: line for case in cases if (line := problem(*case))} == {}
