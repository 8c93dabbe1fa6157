"""Teacher–student regression: the dimension of its inputs."""

import pytest
import torch

from grok.checks import UserError
from grok.random_streams import RandomStreams
from grok.tasks.teacher_student import TeacherStudent
from grok.training.instantiation import instantiate
from tests.conftest import composed


def task(*overrides: str) -> TeacherStudent:
    return instantiate(composed("task=teacher_student", *overrides)["task"], "task")


def test_inputs_of_intrinsic_dimension_d_span_d_random_directions():
    data = task("task.n_inputs=8", "task.intrinsic_dimension=3").data(RandomStreams(0))
    values = torch.linalg.svdvals(data.train.inputs)
    assert (values[3:] < 1e-9).all() and (values[:3] > 10).all()  # 200 inputs: about the root of 200 each
    assert (data.train.inputs.abs().mean(0) > 0.05).all()  # in no direction of the axes
    other = task("task.n_inputs=8", "task.intrinsic_dimension=3").data(RandomStreams(1))
    both = torch.linalg.svdvals(torch.cat([data.train.inputs, other.train.inputs]))
    assert (both[:6] > 1).all()  # another seed has another manifold
    assert "in 3 of 8 dimensions" in data.provenance.source


def test_a_dimension_above_the_number_of_inputs_is_refused():
    with pytest.raises(UserError, match=r"^task.intrinsic_dimension=6: must be at most task.n_inputs=5$"):
        task("task.intrinsic_dimension=6")
    with pytest.raises(UserError, match=r"^task.intrinsic_dimension=0: must be an integer of at least 1"):
        task("task.intrinsic_dimension=0")


def test_without_a_number_of_training_examples_every_step_samples_new_inputs_of_the_same_teacher():
    fixed = task("task.n_train=100").data(RandomStreams(0))
    data = task("task.n_train=null").data(RandomStreams(0))
    torch.testing.assert_close(data.test.targets, fixed.test.targets)  # the same manifold and teacher
    assert len(data.train.indices) == len(data.test.indices) and fixed.sample is None
    inputs, targets = data.sample(7, RandomStreams(0).generator("batches", 3))
    again = data.sample(7, RandomStreams(0).generator("batches", 3))
    assert inputs.shape == (7, 5) and torch.equal(targets, again[1])
    assert not torch.equal(inputs, data.sample(7, RandomStreams(0).generator("batches", 4))[0])
    assert not torch.cdist(inputs, data.train.inputs).eq(0).any()
