"""Curves of skills: from the first skill of the exact model, those of all others follow."""

import numpy as np
import pytest

from grok.science.quanta.multilinear import strength_over_time, strength_with_data, strength_with_width
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.quanta.skill_curves import (
    fit_time_curve,
    largest_error,
    predicted_over_time,
    predicted_with_data,
    predicted_with_width,
)

FREQUENCIES, RANKS = zipf_frequencies(5, alpha=0.6), np.arange(1, 6)
TIME, EXAMPLES, WIDTH = np.linspace(0, 4000, 400), np.array([500.0, 1000, 3000, 9000]), np.array([2.0, 4, 8, 16, 40])
CURVES = [
    (predicted_over_time, TIME, strength_over_time(TIME, FREQUENCIES, rate=0.01, target=5.0, start=0.001)),
    (predicted_with_data, EXAMPLES, strength_with_data(EXAMPLES[:, None] * FREQUENCIES, critical=800.0)),
    (predicted_with_width, WIDTH, strength_with_width(WIDTH, 5, each=4.5)),
]


@pytest.mark.parametrize(("predicted", "x", "strength"), CURVES)
def test_the_first_skill_predicts_the_others_of_the_exact_model(predicted, x, strength):
    assert predicted(x, strength[:, 0], FREQUENCIES, at=x) == pytest.approx(strength, abs=2e-3)
    assert largest_error(x, RANKS, strength, alpha=0.6, predicted=predicted) < 2e-3
    shuffled = strength[:, [0, 4, 3, 2, 1]]
    assert largest_error(x, RANKS, shuffled, alpha=0.6, predicted=predicted) > 0.15


def test_null_examples_do_not_count_and_a_skill_that_is_never_learned_has_no_curve():
    strength = strength_with_data(EXAMPLES[:, None] * FREQUENCIES, critical=800.0)
    with_null = np.vstack([strength, np.zeros(5)])
    points = np.array(["500", "1000", "3000", "9000", "null"])
    assert largest_error(points, RANKS, with_null, alpha=0.6, predicted=predicted_with_data) < 2e-3
    assert np.isnan(fit_time_curve(TIME, np.zeros(400))).all()
