"""The device of a run on an Apple machine, whose GPU has no float64."""

import pytest
import torch

from grok.checks import UserError
from grok.training.build import select_device
from tests.conftest import ADDITION, TINY, composed

IN_FLOAT32 = (*ADDITION, "task.loss_precision=float32", "measure=[weight_norm,weight_sketch]")
NEEDS = {
    "precision=float64": (*TINY, "precision=float64"),
    "task.loss_precision=float64": (*IN_FLOAT32, "task.loss_precision=float64"),
    "measure=ring_coordinates": (*IN_FLOAT32, "measure=[ring_coordinates]"),
}


@pytest.fixture(autouse=True)
def apple(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("overrides", [TINY, IN_FLOAT32])
def test_a_run_without_float64_trains_on_the_gpu(overrides):
    assert select_device(composed(*overrides)).type == select_device(composed(*overrides, "device=mps")).type == "mps"


@pytest.mark.parametrize("need", NEEDS)
def test_a_run_with_float64_trains_on_the_cpu_and_is_refused_on_the_gpu_in_one_line(need):
    assert select_device(composed(*NEEDS[need])).type == "cpu"
    with pytest.raises(UserError) as refused:
        select_device(composed(*NEEDS[need], "device=mps"))
    assert str(refused.value) == f"device=mps: has no float64, needed by {need}; choose device=cpu"
