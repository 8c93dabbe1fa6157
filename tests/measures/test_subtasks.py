"""What is learned of each subtask: by its own points, in equal halves, and not of tasks that have none."""

import math
from dataclasses import replace

import pytest
import torch

from grok.measures.subtasks import Subtasks
from grok.training.build import build
from tests.conftest import TINY, composed
from tests.measures.test_circuit import looked_at

SMALL = ("task=sparse_parity", "task.n_subtasks=4", "task.n_bits=6", "task.k=2", "task.test_points=10", "model.width=8")


def test_a_subtasks_loss_and_accuracy_are_those_of_its_points():
    training, data = build([composed(*SMALL, f"seed={seed}") for seed in (0, 1)])
    look = looked_at(training)
    found = Subtasks()(look)
    for replica, each in enumerate(data):
        for subtask in range(4):
            own = each.test.inputs[:, 0] == subtask
            for name, values in (("subtask_loss", look.test.loss), ("subtask_accuracy", look.test.correct)):
                expected = values[replica, own].double().mean().item()
                assert found[name].values[replica, subtask].item() == pytest.approx(expected)
    assert found["subtask_loss"].coordinates == {"subtask": range(1, 5)}


def test_the_halves_of_the_test_are_apart_and_together_the_whole():
    look = looked_at(build([composed(*SMALL)])[0])
    found = Subtasks()(look)
    validation, held_out = (found[name].values for name in ("validation_loss", "held_out_loss"))
    torch.testing.assert_close((validation + held_out) / 2, look.test.mean(look.test.loss))
    even = torch.arange(40) % 2 == 0
    learned = replace(look, test=replace(look.test, loss=torch.where(even, 0.25, 2.0).expand(1, -1)))
    found = Subtasks()(learned)
    assert found["validation_loss"].values.item() == pytest.approx(0.25)
    assert found["held_out_loss"].values.item() == pytest.approx(2)
    assert found["held_out_subtask_loss"].values.tolist() == [pytest.approx([2] * 4)]


def test_converged_is_below_a_tenth_of_a_bit():
    look = looked_at(build([composed(*SMALL)])[0])
    bits = torch.tensor([0.0, 0.09, 0.11, 1.0]).repeat_interleave(10)
    found = Subtasks()(replace(look, test=replace(look.test, loss=math.log(2) * bits.unsqueeze(0))))
    assert found["n_converged"].values.tolist() == [2]


def test_a_task_without_subtasks_is_refused_in_one_line(command):
    code, said = command(*TINY, "measure=[performance,subtasks]")
    assert (
        code == 2
        and said.startswith("error: measure=subtasks: needs a task that has subtasks")
        and "\n" not in said.strip()
    )
