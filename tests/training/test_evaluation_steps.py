"""The evaluation steps of a run."""

import pytest

from grok.checks import UserError
from grok.training.evaluation_steps import evaluation_steps


def test_evaluation_steps_are_logarithmic_with_both_ends():
    assert evaluation_steps(1000, per_decade=2, every=None) == [0, 1, 3, 10, 32, 100, 316, 1000]


def test_a_linear_grid_is_added():
    assert set(range(0, 1001, 250)) <= set(evaluation_steps(1000, per_decade=1, every=250))


@pytest.mark.parametrize("every", [None, 7, 1000])
@pytest.mark.parametrize("steps", [1, 2, 999, 12_345])
def test_an_extended_run_keeps_its_evaluation_steps(steps, every):
    short, long = (
        evaluation_steps(steps, per_decade=20, every=every),
        evaluation_steps(10 * steps, per_decade=20, every=every),
    )
    assert short == sorted(set(short)) and short[0] == 0 and short[-1] == steps
    assert set(short) - {steps} == {step for step in long if step < steps}


@pytest.mark.parametrize(
    ("changes", "key"), [({"every": 20}, "evaluate.every=20"), ({"per_decade": 10**12}, "evaluate.")]
)
def test_more_evaluations_than_memory_holds_are_one_line_at_once(changes, key):
    with pytest.raises(UserError, match=rf"^{key}.*: the evaluations of [\d,]+ steps need [\d.]+ [PE]B of memory, and"):
        evaluation_steps(10**14, **{"per_decade": 20, "every": None, **changes})
