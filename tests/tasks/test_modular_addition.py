"""Modular addition: the published split, labels that are what they say, and mistakes told in one line."""

import random

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser

from grok.science.binary_operations import OPERATIONS
from grok.streams import Streams
from grok.tasks.modular_addition import ModularAddition
from grok.training.build import build
from grok.training.instantiation import instantiate
from grok.training.side_by_side import shared_part
from tests.conftest import composed

SMALL = ("task=modular_addition", "task.p=11", "model.width=16", "model.d_mlp=16", "logger=none", "steps=1")


def task(*overrides: str) -> ModularAddition:
    return instantiate(composed("task=modular_addition", *overrides)["task"], "task")


def test_the_published_split_has_3_830_pairs_in_the_references_order():
    pairs = [(a, b) for a in range(113) for b in range(113)]
    random.seed(1)
    random.shuffle(pairs)
    data = task("task.split_seed_rule=reference").data(Streams(1))
    assert data.train.inputs[data.train.rows].tolist() == [[*pair] for pair in pairs[:3830]]
    assert data.test.inputs[data.test.rows].tolist() == [[*pair] for pair in pairs[3830:]]


@pytest.mark.parametrize("rule", ["stream", "reference"])
def test_the_split_is_the_seeds_and_leaves_nothing_out(rule):
    splits = [task(f"task.split_seed_rule={rule}").data(Streams(seed)) for seed in (0, 0, 1)]
    once, again, other = (each.train.rows for each in splits)
    assert torch.equal(once, again) and not torch.equal(once, other)
    assert torch.equal(torch.cat([once, splits[0].test.rows]).sort().values, torch.arange(113**2))


def test_replicas_share_one_table_of_sums():
    own, other = (task().data(Streams(seed)).train for seed in (0, 1))
    assert own.inputs is other.inputs and own.targets is other.targets
    assert torch.equal(own.targets, own.inputs.sum(1) % 113)
    assert torch.equal(own.inputs[7 * 113 + 5], torch.tensor([7, 5]))


def test_corrupted_labels_are_wrong_ones_of_so_many_training_examples():
    corrupted = task("task.corrupted=0.05")
    data, (_, truth) = corrupted.data(Streams(0)), corrupted.truth()
    wrong = (data.train.targets != truth).nonzero().squeeze(1)
    assert len(wrong) == round(0.05 * 3830) and set(wrong.tolist()) <= set(data.train.rows.tolist())
    assert data.train.targets.max() < 113 and torch.equal(data.train.rows, task().data(Streams(0)).train.rows)


def test_random_labels_know_nothing_of_the_sums():
    control = task("task.labels=random")
    labels, (_, truth) = control.data(Streams(0)).train.targets, control.truth()
    assert (labels == truth).double().mean().item() == pytest.approx(1 / 113, abs=0.005)
    counts = torch.bincount(labels, minlength=113).double()
    assert counts.mean() == 113 and counts.std().item() == pytest.approx(113**0.5, rel=0.3)


def test_replicas_with_labels_and_splits_of_their_own_train_side_by_side():
    own = [("seed=0",), ("task.labels=random",), ("task.corrupted=0.1",), ("task.split_seed_rule=reference",)]
    configs = [composed(*SMALL, *changes) for changes in own]
    assert all(shared_part(config) == shared_part(configs[0]) for config in configs)
    training, data = build(configs)
    inputs, targets = training.feed.batch(0)
    for replica, each in enumerate(data):
        assert torch.equal(inputs[replica], each.train.inputs[each.train.rows])
        assert torch.equal(targets[replica], each.train.targets[each.train.rows])


def test_a_loss_in_float64_tells_apart_what_float32_takes_for_zero():
    outputs, targets = torch.tensor([[30.0, 0.0, 0.0]]), torch.tensor([0])
    exact = torch.tensor([30.0, 0, 0], dtype=torch.float64).softmax(0)[1:].sum().item()
    assert task().example_loss(outputs, targets).item() == pytest.approx(exact, rel=1e-3)
    assert task("task.loss_precision=float32").example_loss(outputs, targets).item() == 0


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_a_table_that_the_command_line_can_name(operation):
    (override,) = OverridesParser.create().parse_overrides([f"task.operation={operation}"])
    assert override.value() == operation
    made = task(f"task.operation={operation}", "task.p=11")
    data, n = made.data(Streams(0)), made.dimensions["n_outputs"]
    assert data.train.inputs.max() == n - 1 and data.train.targets.max() < n
    assert len(data.train.rows) == int(0.3 * len(data.train.inputs))
    if operation.endswith("_s5"):
        assert n == 120  # whatever p is


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("task.p=100", "task.operation=divide"), "task.p=100: must be a prime for task.operation=divide"),
        (
            ("task.p=9", "task.operation=divide_or_subtract"),
            "task.p=9: must be a prime for task.operation=divide_or_subtract",
        ),
        (("task.p=2",), "task.p=2: must be a whole number from 3 to 4,999"),
        (("task.p=1000003",), "task.p=1000003: must be a whole number from 3 to 4,999"),
        (("task.fraction=1",), "task.fraction=1: must be a number above 0 and below 1"),
        (("task.fraction=0.0",), "task.fraction=0.0: must be a number above 0 and below 1"),
        (("task.fraction=0.001",), "task.fraction=0.001: leaves no training example of 121 pairs"),
        (("task.operation=plus",), f"task.operation=plus: must be one of {', '.join(OPERATIONS)}"),
        (("task.labels=true",), "task.labels=True: must be one of operation, random"),
        (
            ("task.labels=random", "task.corrupted=0.1"),
            "task.corrupted=0.1: random labels cannot be corrupted; task.labels=operation",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(command, overrides, line):
    code, said = command(*SMALL, *overrides)
    assert code and said.strip().splitlines()[-1].endswith(line) and "Traceback" not in said
