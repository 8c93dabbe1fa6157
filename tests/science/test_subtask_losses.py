"""What the claims of the quanta measure is what was planted; a network that learned nothing has no numbers."""

import math
from functools import partial

import numpy as np
import pytest

from grok.science.against_laws import (
    fall_less_predicted,
    farthest,
    gained,
    rise_less_asymptotic,
    rise_less_predicted,
)
from grok.science.emergence import NATS_PER_BIT
from grok.science.quanta import zipf_frequencies
from grok.science.quanta_laws import predicted_learned
from grok.science.subtask_losses import (
    convergence_exponent,
    fall,
    farthest_from_published,
    median_transition,
    order,
    rise,
    shown_by_batch,
    transition_by_fall,
)

STEPS = np.unique(np.geomspace(1, 100_000, 400).round().astype(int))
RANKS = np.arange(1, 101)
FREQUENCIES = zipf_frequencies(100, alpha=0.4)


def learned_by(due: np.ndarray, *, decades: float, x: np.ndarray = STEPS) -> np.ndarray:
    """Nats of subtasks that fall from .9 to .1 bits in so many decades, and are at .1 where they are due."""
    far = (np.log10(x)[:, None] - np.log10(due)) / decades  # in widths, from where it is .1
    return NATS_PER_BIT / (1 + 9 ** (1 + 2 * far))


def due(k: float, *, batch: int = 2000) -> np.ndarray:
    """Steps S = 100 (p / p_1)^k, of batches of 2,000; the examples are the same of others."""
    return 100 * (FREQUENCIES / FREQUENCIES[0]) ** k * 2000 / batch


@pytest.mark.parametrize("k", [-1.0, -0.81])
def test_a_planted_order_width_and_exponent_of_transitions_are_found(k):
    losses = learned_by(due(k), decades=0.3)
    mean = losses @ FREQUENCIES
    assert order(STEPS, RANKS, losses) == pytest.approx(1, abs=1e-3)
    assert convergence_exponent(STEPS, RANKS, losses, alpha=0.4) == pytest.approx(k, abs=0.01)
    assert median_transition(STEPS, RANKS, losses) == pytest.approx(0.3, abs=0.01)
    begins, ends = (STEPS[(mean < share * NATS_PER_BIT).argmax()] for share in (0.9, 0.1))
    assert transition_by_fall(STEPS, RANKS, losses, mean) == pytest.approx(0.3 / math.log10(ends / begins), rel=0.05)
    assert transition_by_fall(STEPS, RANKS, losses, losses[:, 9]) == pytest.approx(1, abs=0.05)


def test_theory_is_nothing_less_than_theory_and_other_steps_are_steeper():
    over = dict(alpha=0.4, from_x=150.0, to_x=5000.0)
    losses = learned_by(due(-1), decades=0.3)
    mean = losses @ FREQUENCIES
    assert fall_less_predicted(STEPS, RANKS, losses, mean, law="steps", **over) == pytest.approx(0, abs=0.02)
    assert fall_less_predicted(STEPS, RANKS, losses, mean, law="steps", every=150, **over) == pytest.approx(0, abs=0.02)
    soon = learned_by(due(-0.8), decades=0.3)
    mean = soon @ FREQUENCIES
    assert fall_less_predicted(STEPS, RANKS, soon, mean, law="steps", **over) > 0.05


@pytest.mark.parametrize("alpha", [0.2, 0.4, 0.8])
def test_networks_that_hold_what_the_law_of_parameters_has_are_nothing_off_it(alpha):
    widths, frequencies = np.array([5, 10, 20, 40, 80]), zipf_frequencies(100, alpha=alpha)
    n = predicted_learned("parameters", widths, frequencies, constant=7.3)
    losses = NATS_PER_BIT * (1 - np.clip(n[:, None] - np.arange(100), 0, 1))
    less = fall_less_predicted(widths, RANKS, losses, losses @ frequencies, alpha=alpha, law="parameters")
    assert less == pytest.approx(0, abs=0.02)


def test_a_fit_can_begin_where_something_is_learned():
    x, bits = np.array([1, 10, 100, 1000]), np.array([1.0, 1.0, 0.1, 0.01])
    assert fall(x, bits * NATS_PER_BIT, from_bits=0.95) == pytest.approx(1)
    assert fall(x, bits * NATS_PER_BIT, to_x=10.0) == pytest.approx(0)
    assert math.isnan(fall(x, np.ones(4), from_bits=0.5))


def test_a_fit_at_multiples_weighs_the_late_steps():
    """A curve that falls as x^−1 to x = 100 and as x^−0.2 from there on."""
    x = np.unique(np.geomspace(10, 1000, 200).round())
    bent = np.where(x < 100, x**-1.0, 100**-0.8 * x**-0.2)
    assert fall(x, bent, every=10) + 0.1 < fall(x, bent)
    assert fall(x, x**-0.3, from_x=50.0, every=7) == pytest.approx(0.3)


def test_the_number_learned_rises_as_it_does_where_it_is_not_none():
    x = np.array([1, 10, 100, 1000])
    losses = NATS_PER_BIT * (np.arange(100) >= np.array([0, 1, 10, 100])[:, None]).astype(float)
    assert rise(x, RANKS, losses) == pytest.approx(1) == rise(x, RANKS, losses, to_x=100.0)
    data = np.geomspace(1e4, 1e7, 25).round().astype(int)
    seen = NATS_PER_BIT * (data[:, None] * FREQUENCIES < 5000).astype(float)
    assert rise(data, RANKS, seen) == pytest.approx(1 / 1.4, abs=0.05)
    assert rise_less_predicted(data, RANKS, seen, alpha=0.4, law="data") == pytest.approx(0, abs=0.02)


def test_of_several_alphas_the_farthest_counts():
    alphas, data = np.array([0.2, 0.8]), np.geomspace(1e4, 3e6, 20).round().astype(int)
    losses = NATS_PER_BIT * np.stack([data[:, None] * zipf_frequencies(100, alpha=a) < 5000 for a in alphas])
    means = np.stack([own @ zipf_frequencies(100, alpha=a) for own, a in zip(losses, alphas, strict=True)])
    less = partial(fall_less_predicted, law="data", from_bits=0.95)
    each = [less(data, RANKS, *own, alpha=a) for *own, a in zip(losses, means, alphas, strict=True)]
    assert farthest(alphas, data, RANKS, losses, means, less=less) == np.abs(each).max()
    assert farthest(alphas, data, RANKS, losses, less=partial(rise_less_predicted, law="data")) < 0.05
    assert farthest(alphas, data, RANKS, losses, less=rise_less_asymptotic) < 0.1
    published = {a: fall(data, mean, from_bits=0.95) for a, mean in zip(alphas.tolist(), means, strict=True)}
    published[0.8] += 0.03
    found = farthest_from_published(alphas, data, means, published=published, from_bits=0.95)
    assert found == pytest.approx(0.03)
    assert math.isnan(farthest_from_published(alphas, data, means, published={0.2: 0.3}))


def test_parameters_of_few_whole_subtasks_rise_as_the_law_has_it_and_not_as_its_asymptote():
    widths = np.array([5.0, 8, 12, 20, 32, 50])
    losses = NATS_PER_BIT * (np.floor(widths[:, None] / 2.6) < RANKS).astype(float)
    assert rise(widths, RANKS, losses) > 1.1
    assert rise_less_predicted(widths, RANKS, losses, alpha=0.4, law="parameters") == pytest.approx(0, abs=0.05)
    steeper = NATS_PER_BIT * (np.floor((widths[:, None] / 2.6) ** 1.3) < RANKS).astype(float)
    assert rise_less_predicted(widths, RANKS, steeper, alpha=0.4, law="parameters") > 0.2


def test_what_keeps_to_the_law_gains_on_what_falls_behind_and_what_is_but_slower_does_not():
    x = np.geomspace(1e3, 3e8, 600).round().astype(int)

    def learned(behind: float, slowness: float = 1.0) -> np.ndarray:
        return NATS_PER_BIT * (x[:, None] * FREQUENCIES < 5000 * slowness * np.maximum(1, RANKS / 10) ** behind)

    falls_behind, keeps_to_it, slower = learned(1.0), learned(0.0), learned(1.0, slowness=3.0)
    less = partial(fall_less_predicted, alpha=0.4, law="steps", from_bits=0.7, to_bits=0.05)
    assert less(x, RANKS, falls_behind, falls_behind @ FREQUENCIES) < -0.05
    departs = less(x, RANKS, falls_behind, falls_behind @ FREQUENCIES)
    found = partial(gained, np.array([200, 400]), x, RANKS, at=400, over=200, less=less)
    for other, gain in ((keeps_to_it, -departs), (slower, 0.0)):
        losses = np.stack([falls_behind, other])
        assert found(losses, losses @ FREQUENCIES) == pytest.approx(gain, abs=0.02)
    losses = np.stack([falls_behind, keeps_to_it])
    assert math.isnan(found(losses, losses @ FREQUENCIES, at=800))
    assert math.isnan(less(x, RANKS, falls_behind, falls_behind @ FREQUENCIES, to_bits=1e-9))


@pytest.mark.parametrize(("counts", "expected"), [("examples", 1.0), ("steps", 4.0)])
def test_whether_examples_count_or_steps_is_seen_from_batches(counts, expected):
    batches = np.array([2000, 8000])
    each = [due(-1, batch=batch if counts == "examples" else 2000) for batch in batches]
    losses = np.stack([learned_by(steps, decades=0.3) for steps in each])
    losses[0, :, 50:] = NATS_PER_BIT  # never learned in the small batches, and so not compared
    assert shown_by_batch(batches, STEPS, RANKS, losses, of=8000, to=2000) == pytest.approx(expected, rel=0.03)
    assert math.isnan(shown_by_batch(batches, STEPS, RANKS, losses, of=8000, to=500))


def test_what_learned_nothing_has_no_numbers():
    losses = np.full((STEPS.size, 100), NATS_PER_BIT)
    mean = losses @ FREQUENCIES
    assert math.isnan(order(STEPS, RANKS, losses)) and math.isnan(median_transition(STEPS, RANKS, losses))
    assert math.isnan(convergence_exponent(STEPS, RANKS, losses, alpha=0.4))
    assert math.isnan(transition_by_fall(STEPS, RANKS, losses, mean)) and math.isnan(rise(STEPS, RANKS, losses))
    assert math.isnan(fall_less_predicted(STEPS, RANKS, losses, mean, alpha=0.4, law="steps"))
    assert math.isnan(shown_by_batch(np.array([1, 2]), STEPS, RANKS, np.stack([losses] * 2), of=2, to=1))
