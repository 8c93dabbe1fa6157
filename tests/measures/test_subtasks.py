"""The measure of subtasks: each by its own test examples, in equal halves; other tasks are refused."""

import math
from dataclasses import replace

import pytest
import torch

from grok.measures.subtasks import Subtasks
from grok.training.build import build
from tests.conftest import TINY, composed
from tests.measures.snapshots import snapshot_of

SMALL = (
    "task=sparse_parity",
    "task.n_subtasks=4",
    "task.n_bits=6",
    "task.subset_size=2",
    "task.n_test_per_subtask=10",
    "model.width=8",
)


def test_the_loss_and_accuracy_of_a_subtask_are_those_of_its_test_examples():
    module, data = build([composed(*SMALL, f"seed={seed}") for seed in (0, 1)])
    snapshot = snapshot_of(module)
    quantities = Subtasks()(snapshot)
    for replica, each in enumerate(data):
        for subtask in range(4):
            is_subtask = each.test.inputs[:, 0] == subtask
            for name, values in (("subtask_loss", snapshot.test.loss), ("subtask_accuracy", snapshot.test.correct)):
                expected = values[replica, is_subtask].double().mean().item()
                assert quantities[name].values[replica, subtask].item() == pytest.approx(expected)
    assert quantities["subtask_loss"].coordinates == {"subtask": range(1, 5)}


def test_the_halves_of_the_test_set_are_disjoint_and_average_to_the_whole():
    snapshot = snapshot_of(build([composed(*SMALL)])[0])
    quantities = Subtasks()(snapshot)
    validation, held_out = (quantities[name].values for name in ("validation_loss", "held_out_loss"))
    torch.testing.assert_close((validation + held_out) / 2, snapshot.test.mean(snapshot.test.loss))
    even = torch.arange(40) % 2 == 0
    planted = replace(snapshot, test=replace(snapshot.test, loss=torch.where(even, 0.25, 2.0).expand(1, -1)))
    quantities = Subtasks()(planted)
    assert quantities["validation_loss"].values.item() == pytest.approx(0.25)
    assert quantities["held_out_loss"].values.item() == pytest.approx(2)
    assert quantities["held_out_subtask_loss"].values.tolist() == [pytest.approx([2] * 4)]


def test_a_subtask_is_converged_below_a_tenth_of_a_bit():
    snapshot = snapshot_of(build([composed(*SMALL)])[0])
    bits = torch.tensor([0.0, 0.09, 0.11, 1.0]).repeat_interleave(10)
    planted = replace(snapshot, test=replace(snapshot.test, loss=math.log(2) * bits.unsqueeze(0)))
    assert Subtasks()(planted)["n_converged"].values.tolist() == [2]


def test_a_task_without_subtasks_is_refused_in_one_line(command):
    code, error = command(*TINY, "measure=[subtasks]")
    assert code == 2 and error.startswith("error: measure=subtasks: needs a task with subtasks")
    assert "\n" not in error.strip()
