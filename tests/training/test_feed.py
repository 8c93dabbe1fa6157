"""Batches: every epoch shows every example once, in an order of the replica's own."""

import pytest
import torch

from grok.checks import UserError
from grok.streams import Streams
from grok.tasks.task import Examples
from grok.training.feed import EpochFeed, FreshFeed, Tables


def tables(n_replicas: int, n: int, shared: bool) -> Tables:
    one, labels = torch.arange(100.0).unsqueeze(1), torch.arange(100.0)
    examples = []
    for replica in range(n_replicas):
        table, targets = (one, labels) if shared else (one + 100 * replica, labels + 100 * replica)
        examples.append(
            Examples(table, targets, torch.randperm(100, generator=torch.Generator().manual_seed(replica))[:n])
        )
    return Tables(examples, dtype=torch.float64)


@pytest.mark.parametrize("shared", [True, False])
def test_an_epoch_shows_every_example_of_each_replica_once(shared):
    feed = EpochFeed(tables(3, 10, shared), [Streams(seed) for seed in range(3)], batch_size=4)
    epoch = [feed.batch(step) for step in range(3)]
    assert [inputs.shape[1] for inputs, _ in epoch] == [4, 4, 2]  # the last one smaller, as torch's DataLoader has it
    seen = torch.cat([targets for _, targets in epoch], 1)
    for replica in range(3):
        rows = feed.tables.rows[replica]
        assert torch.equal(seen[replica].sort().values, feed.tables.targets[rows].sort().values)
    assert all(torch.equal(inputs.squeeze(2), targets) for inputs, targets in epoch)


def test_epochs_and_replicas_have_orders_of_their_own():
    feed = EpochFeed(tables(2, 100, True), [Streams(0), Streams(1)], batch_size=50)
    first, second = feed.batch(0)[1], feed.batch(2)[1]
    assert not torch.equal(first, second) and not torch.equal(first[0], first[1])


def test_a_batch_is_a_function_of_its_step():
    forwards, backwards = (EpochFeed(tables(2, 20, False), [Streams(0), Streams(1)], batch_size=8) for _ in range(2))
    there = [forwards.batch(step)[0] for step in range(9)]
    back = [backwards.batch(step)[0] for step in reversed(range(9))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(there, back, strict=True))


def test_a_full_batch_is_all_examples_in_every_step():
    feed = EpochFeed(tables(2, 20, True), [Streams(0), Streams(1)], batch_size=None)
    assert torch.equal(feed.batch(0)[1], feed.tables.targets[feed.tables.rows])
    same = Tables([Examples(torch.rand(5, 1), torch.rand(5), torch.arange(5))] * 3, dtype=torch.float32)
    shown = EpochFeed(same, [Streams(seed) for seed in range(3)], batch_size=None).batch(0)[0]
    assert shown.shape == (3, 5, 1) and shown.stride(0) == 0  # replicas that see the same rows share them
    assert feed.batch(5)[0] is feed.batch(0)[0]


def test_replicas_that_bring_the_same_table_share_it():
    assert len(tables(3, 10, shared=True).inputs) == 100 and len(tables(3, 10, shared=False).inputs) == 300


def test_replicas_that_share_inputs_but_not_targets_keep_their_targets():
    inputs, rows = torch.rand(4, 2), torch.arange(4)
    both = Tables([Examples(inputs, torch.full((4,), label), rows) for label in (0, 1)], dtype=torch.float32)
    assert both.gather(both.rows)[1].tolist() == [[0] * 4, [1] * 4]


def test_chunks_hold_all_examples_in_order():
    own = tables(2, 10, shared=False)
    assert torch.equal(torch.cat([targets for _, targets in own.chunks(3)], 1), own.targets[own.rows])


def test_a_batch_larger_than_the_training_set_is_an_error():
    with pytest.raises(UserError, match="batch_size=11: must be at most the 10"):
        EpochFeed(tables(1, 10, True), [Streams(0)], batch_size=11)


def test_fresh_examples_are_new_in_every_step_and_their_own_for_each_replica():
    def draw(n, generator):
        inputs = torch.rand(n, 3, generator=generator)
        return inputs, inputs.sum(1)

    feed = FreshFeed(tables(2, 10, True), [draw, draw], [Streams(0), Streams(1)], batch_size=5)
    (inputs, targets), (later, _) = feed.batch(0), feed.batch(1)
    assert inputs.shape == (2, 5, 3) and inputs.dtype == torch.float64
    torch.testing.assert_close(targets, inputs.sum(2), rtol=1e-6, atol=1e-6)
    assert not torch.equal(inputs, later) and not torch.equal(inputs[0], inputs[1])
    assert torch.equal(feed.batch(0)[0], inputs)


def test_fresh_examples_need_a_batch_size():
    with pytest.raises(UserError, match="batch_size=null"):
        FreshFeed(tables(1, 10, True), [lambda n, generator: None], [Streams(0)], batch_size=None)
