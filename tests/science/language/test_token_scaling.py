"""Losses of single tokens over a family: planted kinds are found, and permutations take them away."""

import math

import numpy as np
import pytest

from grok.science.language import token_scaling as module
from grok.science.language.token_scaling import (
    sharp_in_another_seed,
    sharpest_tokens,
    smoothest_tokens,
    token_scaling,
)
from grok.science.quanta.emergence import NATS_PER_BIT
from tests.science.quanta.test_emergence import PARAMETERS, SHARP, SMOOTH

SETTINGS = {"n_permutations": 20, "seed": 0}
FLAT = np.full((4, 7), 8.0)  # bits


def planted() -> np.ndarray:
    """The published sharp and smooth tokens of Pythia, and flat ones, in bits."""
    return np.concatenate([SHARP, SMOOTH, FLAT])


def test_the_published_tokens_are_found_in_either_unit():
    for losses, unit in ((planted(), "bits"), (planted() * NATS_PER_BIT, "nats")):
        found = token_scaling(losses, PARAMETERS, unit=unit, **SETTINGS)
        assert found.sharp_from.tolist() == [4, 6, 3] + [-1] * 7
        assert found.smooth.tolist() == [False] * 3 + [True] * 3 + [False] * 4
        np.testing.assert_allclose(found.mean_loss, planted().mean(0) * NATS_PER_BIT)


def test_permuted_losses_are_rarely_smooth_or_sharp():
    losses = np.tile(planted(), (50, 1))
    found = token_scaling(losses, PARAMETERS, unit="bits", **SETTINGS)
    # A permutation keeps six unknown models before one known model with probability 1 / 7, and 1 / C(7, 3) otherwise.
    assert found.null.sharp.mean() == pytest.approx((1 / 7 + 1 / 35 + 1 / 35) / 10, abs=0.004)
    assert found.smooth_share == 0.3 and found.null.smooth.mean() < 0.01


def test_blocks_of_tokens_give_the_same_numbers(monkeypatch):
    whole = token_scaling(planted(), PARAMETERS, unit="bits", **SETTINGS)
    monkeypatch.setattr(module, "BLOCK", 3)
    parts = token_scaling(planted(), PARAMETERS, unit="bits", **SETTINGS)
    for name in ("mean_loss", "known", "persistence", "sharp_from", "smooth"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name))


def test_a_token_persists_if_all_larger_models_know_it():
    known, unknown = 0.1, 6.0
    losses = np.array([[known] * 4, [known, known, unknown, known], [unknown, known, known, known], [unknown] * 4])
    found = token_scaling(losses, np.array([1.0, 2, 4, 8]), unit="nats", **SETTINGS)
    np.testing.assert_allclose(found.known, [0.5, 0.75, 0.5, 0.75])
    np.testing.assert_allclose(found.persistence, [0.5, 1, np.nan, np.nan])


def test_the_mean_of_a_power_law_has_its_exponent():
    losses = 8.0 * np.ones((5, 1)) * PARAMETERS**-0.083
    assert token_scaling(losses, PARAMETERS, unit="nats", **SETTINGS).exponent == pytest.approx(0.083)


def test_the_sharpest_and_smoothest_tokens_come_first():
    none, smooth = np.zeros(10, bool), np.zeros(10, bool)
    assert sharpest_tokens(planted(), none, n=3).tolist() == [0, 2, 1]  # falls of 10.9, 9.6 and 7.7 bits
    assert sharpest_tokens(planted(), np.arange(10) == 4, n=2).tolist() == [4, 0]
    smooth[3:6] = True
    assert smoothest_tokens(planted(), PARAMETERS, smooth, n=3)[0] == 3  # slopes −1.28, −.89 and −.91 bits per e-fold
    assert sorted(smoothest_tokens(planted(), PARAMETERS, smooth, n=3)) == [3, 4, 5]
    assert sorted(smoothest_tokens(planted(), PARAMETERS, none, n=3)) == [3, 4, 5]


def test_the_share_of_sharp_tokens_that_repeat_in_another_seed():
    sharp = np.array([[True, True, False, False], [True, False, False, False]])
    assert sharp_in_another_seed(sharp) == pytest.approx(2 / 3)
    assert math.isnan(sharp_in_another_seed(sharp[:1])) and math.isnan(sharp_in_another_seed(sharp[:, 2:]))


def test_two_models_are_refused():
    with pytest.raises(ValueError, match="at least 3"):
        token_scaling(planted()[:, :2], PARAMETERS[:2], unit="bits", **SETTINGS)
