"""A law of two limits: planted constants are recovered, and the true rule has the lower error on other points."""

import numpy as np
import pytest

from grok.science.quanta.joint_law import (
    Axis,
    fit_joint_law,
    grid_losses,
    largest_error_of_better_rule,
    log_error,
)
from grok.science.quanta.quantization_model import zipf_frequencies

FREQUENCIES = zipf_frequencies(100, alpha=0.4)


@pytest.mark.parametrize(("rule", "other"), [("larger", "sum"), ("sum", "larger")])
def test_planted_constants_are_recovered_and_the_rule_is_told_apart_on_other_points(rule, other):
    width = Axis("parameters", np.array([5.0, 8, 12, 20, 32, 50, 80, 125, 200]), 6.0)
    steps = Axis("steps", np.geomspace(200, 20_000, 30), 43.0)
    losses = grid_losses(width, steps, FREQUENCIES, rule=rule)
    fitted = (width.x[:, None] <= 80) & (steps.x <= 6000)
    starts = width._replace(constant=9.0), steps._replace(constant=80.0)
    found = {each: fit_joint_law(*starts, losses, FREQUENCIES, rule=each, fitted=fitted) for each in (rule, other)}
    assert [axis.constant for axis in found[rule]] == pytest.approx([6.0, 43.0], rel=1e-2)
    errors = {
        each: log_error(grid_losses(*axes, FREQUENCIES, rule=each), losses, where=~fitted)
        for each, axes in found.items()
    }
    assert errors[rule] < 0.02 < 0.1 < errors[other]


def test_the_better_rule_is_chosen_by_the_fitted_points():
    errors = np.array([[[0.1, 0.3], [0.2, 0.1]], [[0.3, 0.1], [0.2, 0.2]]])  # [arm, rule, part]
    names = np.array(["first", "second"]), np.array(["larger", "sum"]), np.array(["fitted", "held out"])
    assert largest_error_of_better_rule(*names, errors) == pytest.approx(0.3)
    assert largest_error_of_better_rule(*names, errors[1:]) == pytest.approx(0.2)
