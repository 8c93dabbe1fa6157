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
    (predicted_over_time, TIME, strength_over_time(TIME, FREQUENCIES, rate=0.1, onset=8.5)),
    (predicted_with_data, EXAMPLES, strength_with_data(EXAMPLES[:, None] * FREQUENCIES, critical=800.0)),
    (predicted_with_width, WIDTH, strength_with_width(WIDTH, 5, each=4.5)),
]


@pytest.mark.parametrize(("predicted", "x", "strength"), CURVES)
def test_the_first_skill_predicts_the_others_of_the_exact_model(predicted, x, strength):
    assert predicted(x, strength[:, 0], FREQUENCIES, at=x) == pytest.approx(strength, abs=2e-3)
    assert largest_error(x, RANKS, strength, alpha=0.6, predicted=predicted) < 2e-3
    shuffled = strength[:, [0, 4, 3, 2, 1]]
    assert largest_error(x, RANKS, shuffled, alpha=0.6, predicted=predicted) > 0.15


def test_a_mean_over_transitions_sees_an_error_that_plateaus_hide():
    strength = strength_over_time(TIME, FREQUENCIES, rate=0.1, onset=8.5)
    late = strength_over_time(TIME, FREQUENCIES, rate=0.1, onset=11.0)
    late[:, 0] = strength[:, 0]
    errors = [
        largest_error(TIME, RANKS, late, alpha=0.6, predicted=predicted_over_time, in_transition=chosen)
        for chosen in (False, True)
    ]
    assert errors[0] < 0.15 < errors[1]
    nearly = largest_error(TIME, RANKS, strength, alpha=0.6, predicted=predicted_over_time, in_transition=True)
    assert nearly < 2e-3


def test_a_skill_that_is_never_learned_has_no_curve():
    assert np.isnan(fit_time_curve(TIME, np.zeros(400))).all()
    assert np.isnan(largest_error(TIME, RANKS, np.zeros((400, 5)), alpha=0.6, predicted=predicted_over_time))
