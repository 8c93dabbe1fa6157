"""Batches: every epoch has every example once, in the replica's own order."""

import pytest
import torch

from grok.checks import UserError
from grok.random_streams import RandomStreams
from grok.tasks.task import Data, Examples, Provenance
from grok.training.batches import EpochBatches, FreshBatches, OnlineBatches, ReplicaDataset

NONE = Examples(torch.empty(0), torch.empty(0), torch.empty(0, dtype=torch.long))


def dataset(n_replicas: int, n: int, shared: bool) -> ReplicaDataset:
    one, labels = torch.arange(100.0).unsqueeze(1), torch.arange(100.0)
    examples = []
    for replica in range(n_replicas):
        table, targets = (one, labels) if shared else (one + 100 * replica, labels + 100 * replica)
        examples.append(
            Examples(table, targets, torch.randperm(100, generator=torch.Generator().manual_seed(replica))[:n])
        )
    return ReplicaDataset(examples, dtype=torch.float64)


@pytest.mark.parametrize("shared", [True, False])
def test_an_epoch_has_every_example_of_each_replica_once(shared):
    batches = EpochBatches(dataset(3, 10, shared), [RandomStreams(seed) for seed in range(3)], batch_size=4)
    epoch = [batches.batch(step) for step in range(3)]
    assert [inputs.shape[1] for inputs, _ in epoch] == [4, 4, 2]  # the last batch is smaller, as in torch's DataLoader
    seen = torch.cat([targets for _, targets in epoch], 1)
    for replica in range(3):
        indices = batches.dataset.indices[replica]
        assert torch.equal(seen[replica].sort().values, batches.dataset.tensors.targets[indices].sort().values)
    assert all(torch.equal(inputs.squeeze(2), targets) for inputs, targets in epoch)


@pytest.mark.parametrize("step", [0, 4, 5, 7])
def test_each_shape_of_an_epoch_is_known_before_training(step):
    for batch_size, sizes in ((4, [4, 2]), (5, [5]), (None, [10])):
        batches = EpochBatches(dataset(2, 10, True), [RandomStreams(0), RandomStreams(1)], batch_size)
        assert [inputs.shape[1] for inputs, _ in batches.batch_of_each_shape(step)] == sizes


def test_epochs_and_replicas_have_their_own_orders():
    batches = EpochBatches(dataset(2, 100, True), [RandomStreams(0), RandomStreams(1)], batch_size=50)
    first, second = batches.batch(0)[1], batches.batch(2)[1]
    assert not torch.equal(first, second) and not torch.equal(first[0], first[1])


def test_a_batch_is_a_function_of_its_step():
    forwards, backwards = (
        EpochBatches(dataset(2, 20, False), [RandomStreams(0), RandomStreams(1)], batch_size=8) for _ in range(2)
    )
    there = [forwards.batch(step)[0] for step in range(9)]
    back = [backwards.batch(step)[0] for step in reversed(range(9))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(there, back, strict=True))


def test_fresh_batches_are_drawn_from_all_examples_in_every_step_and_follow_from_the_step():
    data, streams = dataset(2, 20, True), [RandomStreams(0), RandomStreams(1)]
    ours = Data(NONE, NONE, Provenance(source="", split="", message=""))
    forwards, backwards = (FreshBatches(data, [ours, ours], streams, batch_size=15) for _ in range(2))
    there = [forwards.batch(step)[1] for step in range(9)]
    back = [backwards.batch(step)[1] for step in reversed(range(9))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(there, back, strict=True))
    for replica, indices in enumerate(data.indices):
        own = {*data.tensors.targets[indices].tolist()}
        steps = [{*batch[replica].tolist()} for batch in there]
        assert all(len(each) == 15 and each <= own for each in steps) and len({*map(frozenset, steps)}) == 9


def test_a_full_batch_is_all_examples_in_every_step():
    batches = EpochBatches(dataset(2, 20, True), [RandomStreams(0), RandomStreams(1)], batch_size=None)
    assert torch.equal(batches.batch(0)[1], batches.dataset.tensors.targets[batches.dataset.indices])
    same = ReplicaDataset([Examples(torch.rand(5, 1), torch.rand(5), torch.arange(5))] * 3, dtype=torch.float32)
    shown = EpochBatches(same, [RandomStreams(seed) for seed in range(3)], batch_size=None).batch(0)[0]
    assert shown.shape == (3, 5, 1) and shown.stride(0) == 0  # replicas with the same examples share them
    assert batches.batch(5)[0] is batches.batch(0)[0]


def test_replicas_with_the_same_table_share_it():
    assert (
        len(dataset(3, 10, shared=True).tensors.inputs) == 100
        and len(dataset(3, 10, shared=False).tensors.inputs) == 300
    )


def test_training_and_test_examples_of_the_same_table_share_it():
    inputs, targets = torch.rand(10, 2), torch.rand(10)
    parts = [[Examples(inputs, targets, torch.arange(*rows))] for rows in ((0, 6), (6, 10))]
    train = ReplicaDataset(parts[0], dtype=torch.float32)
    test = ReplicaDataset(parts[1], dtype=torch.float32, other=train)
    assert test.tensors is train.tensors and torch.equal(test.gather(test.indices)[0][0], inputs[6:])
    own = ReplicaDataset([Examples(inputs.clone(), targets, torch.arange(4))], dtype=torch.float32, other=train)
    assert own.tensors is not train.tensors


def test_replicas_with_shared_inputs_keep_their_own_targets():
    inputs, indices = torch.rand(4, 2), torch.arange(4)
    both = ReplicaDataset([Examples(inputs, torch.full((4,), label), indices) for label in (0, 1)], dtype=torch.float32)
    assert both.gather(both.indices)[1].tolist() == [[0] * 4, [1] * 4]


def test_chunks_hold_all_examples_in_order():
    examples = dataset(2, 10, shared=False)
    assert torch.equal(
        torch.cat([targets for _, targets in examples.chunks(3)], 1), examples.tensors.targets[examples.indices]
    )


def test_a_batch_larger_than_the_training_set_is_an_error():
    with pytest.raises(UserError, match="batch_size=11: must be at most the 10"):
        EpochBatches(dataset(1, 10, True), [RandomStreams(0)], batch_size=11)


def test_online_batches_are_new_in_every_step_and_for_each_replica():
    def sample(n, generator):
        inputs = torch.rand(n, 3, generator=generator)
        return inputs, inputs.sum(1)

    batches = OnlineBatches(dataset(2, 10, True), [sample, sample], [RandomStreams(0), RandomStreams(1)], batch_size=5)
    (inputs, targets), (later, _) = batches.batch(0), batches.batch(1)
    assert inputs.shape == (2, 5, 3) and inputs.dtype == torch.float64
    torch.testing.assert_close(targets, inputs.sum(2), rtol=1e-6, atol=1e-6)
    assert not torch.equal(inputs, later) and not torch.equal(inputs[0], inputs[1])
    assert torch.equal(batches.batch(0)[0], inputs)


def test_online_batches_need_a_batch_size():
    with pytest.raises(UserError, match="batch_size=null"):
        OnlineBatches(dataset(1, 10, True), [lambda n, generator: None], [RandomStreams(0)], batch_size=None)
