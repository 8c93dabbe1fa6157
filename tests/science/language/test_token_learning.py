"""When classes of tokens are learned, and how many tokens are smooth or sharp, on curves with known answers."""

import numpy as np
import pytest

from grok.science.language import token_learning
from grok.science.language.token_classes import OTHER

STEPS = np.array([0, 1, 3, 10, 30, 100, 300, 1000])
CLASSES = np.array([OTHER, "frequent", "rare", "rarer"])
SHARES = np.tile([0.9, 0.07, 0.02, 0.01], (8, 1))
UNIGRAM = np.full((8, 4), 4.0)


def falls_at(step: float) -> np.ndarray:
    """A loss that is 4 nats before this step and 1 nat from the next evaluation on."""
    return np.where(step >= STEPS, 4.0, 1.0)


LOSSES = np.stack([np.linspace(7, 4, 8), falls_at(3), falls_at(30), falls_at(300)], 1)
SIZES, N = np.array(["s0", "s1", "s2", "s3", "s4"]), np.array([3e3, 1.5e4, 6e4, 2.5e5, 1e6])


def test_a_class_is_halfway_between_the_loss_of_frequencies_and_its_final_loss():
    found = token_learning.halfway_points(STEPS, LOSSES, UNIGRAM)
    assert np.isinf(found[0])  # all others never fall below what frequencies give
    assert found[1:] == pytest.approx([np.sqrt(3 * 10), np.sqrt(30 * 100), np.sqrt(300 * 1000)])
    assert token_learning.spread_of_halfway_steps(STEPS, CLASSES, LOSSES, UNIGRAM) == pytest.approx(100)


def test_the_order_of_frequency_is_the_order_of_steps_and_of_sizes():
    assert token_learning.frequency_and_step(STEPS, CLASSES, LOSSES, UNIGRAM, SHARES) == -1
    swapped = LOSSES[:, [0, 3, 2, 1]]
    assert token_learning.frequency_and_step(STEPS, CLASSES, swapped, UNIGRAM, SHARES) == 1
    order = [2, 0, 1, 4, 3]  # of the sizes in the Dataset
    by_size = LOSSES[[1, 3, 4, 6, 7]][order]
    assert token_learning.frequency_and_size(SIZES, CLASSES, by_size, UNIGRAM[:5], SHARES[:5], N[order]) == -1


def test_abrupt_classes_are_narrower_than_their_smooth_mean():
    mean = np.interp(np.log(np.maximum(STEPS, 1)), [0, np.log(1000)], [4, 1])
    found = token_learning.relative_class_width(STEPS, CLASSES, LOSSES, UNIGRAM, SHARES, mean)
    assert found == pytest.approx(np.median(np.log10([10 / 3, 100 / 30, 1000 / 300])) / 3, rel=1e-6)


def test_steady_falls_are_smooth_and_random_orders_of_them_are_not():
    n_seeds, rng = 3, np.random.default_rng(0)
    steady = 9 - 0.6 * np.log(N / N[0])[:, None] * rng.uniform(0.9, 1.1, 200)
    sharp = np.where(np.arange(5)[:, None] < 3, 6.0, 0.1) + np.zeros(2)
    flat = 5 + rng.normal(size=(5, 300))
    losses = np.concatenate([steady, sharp, flat], 1)[:, :, None] + np.zeros(n_seeds)
    n = np.tile(N[:, None], (1, n_seeds))
    shares = token_learning.token_shares(losses, n)
    assert shares["smooth"] == pytest.approx(200 / 502, abs=2 / 502) == shares["smooth, one seed"]
    assert shares["sharp"] == pytest.approx(2 / 502) and shares["sharp, permuted"] < 1 / 502
    ratio = token_learning.smooth_over_null(SIZES, np.arange(502), np.arange(n_seeds), losses, n)
    assert 30 < ratio < 300  # one order of 120 is the right one
    assert token_learning.n_sharp(SIZES, np.arange(502), np.arange(n_seeds), losses, n) == pytest.approx(2)
    diverged = np.concatenate([losses, losses[:, :, :1] + 1], 2)
    diverged[3, 5, 3] = np.nan  # a fourth seed
    sizes = np.concatenate([n, n[:, :1]], 1)
    sizes[3, 3] = np.nan
    assert token_learning.token_shares(diverged[:, :, ::-1], sizes[:, ::-1]) == shares
    diverged[3] = np.nan
    assert np.isnan([*token_learning.token_shares(diverged, sizes).values()]).all()
    assert np.isnan(token_learning.smooth_over_null(SIZES, np.arange(502), np.arange(4), diverged, sizes))
