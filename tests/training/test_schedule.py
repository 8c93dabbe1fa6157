"""When training is looked at."""

import pytest

from grok.training.schedule import looks


def test_looks_are_logarithmic_with_both_ends():
    assert looks(1000, per_decade=2, every=None) == [0, 1, 3, 10, 32, 100, 316, 1000]


def test_a_linear_grid_is_added():
    assert set(range(0, 1001, 250)) <= set(looks(1000, per_decade=1, every=250))


@pytest.mark.parametrize("every", [None, 7, 1000])
@pytest.mark.parametrize("steps", [1, 2, 999, 12_345])
def test_a_prolonged_run_keeps_its_looks(steps, every):
    short, long = looks(steps, per_decade=20, every=every), looks(10 * steps, per_decade=20, every=every)
    assert short == sorted(set(short)) and short[0] == 0 and short[-1] == steps
    assert set(short) - {steps} == {look for look in long if look < steps}
