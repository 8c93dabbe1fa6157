"""What does not fit into memory is one line, before it is allocated."""

import math
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from grok.checks import UserError
from grok.training import free_memory
from grok.training.build import build
from grok.training.free_memory import as_user_error, needed_bytes, refuse_too_large, size_text
from tests.conftest import ADDITION, TINY, composed

TERABYTES = 10**13


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ((*ADDITION, "model.d_mlp=100000000000"), "model.d_mlp=100000000000: needs at least 25.6 TB of memory, and "),
        ((*TINY, "task.n_test=1000000000000"), "task.n_test=1000000000000: needs at least 40 TB of memory, and "),
    ],
)
def test_a_size_that_no_machine_has_is_one_line_with_what_is_needed_and_free(overrides, line):
    with pytest.raises(UserError) as caught:
        build([composed(*overrides)])
    assert str(caught.value).startswith(line) and str(caught.value).endswith("B are free")


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.empty(TERABYTES),
        lambda: torch.arange(TERABYTES),
        lambda: torch.randn(10**7, 10**6),
        lambda: torch.ones(1).expand(TERABYTES).clone(),
        lambda: np.empty(10**16),
        lambda: np.empty(10**30),
        lambda: torch.empty(10**30),
    ],
)
def test_every_way_to_allocate_too_much_is_refused(allocate):
    with (
        pytest.raises(UserError, match=r"^task\.n=7: needs at least .*B of memory, and .*B are free$"),
        refuse_too_large("task", {"n": 7, "name": "x", "m": 3}),
    ):
        allocate()


def test_other_errors_pass():
    with pytest.raises(ValueError, match="mine"), refuse_too_large("task", {}):
        raise ValueError("mine")


def test_a_training_set_whose_parts_fit_but_not_together_is_refused(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=3 * 10**6))
    line = r"^task\.n_train=50000: needs at least 4 MB of memory, and 3 MB are free$"
    with pytest.raises(UserError, match=line):
        build([composed("task=sparse_parity", "task.n_train=50000")])


def test_weights_whose_training_does_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(free_memory, "free_bytes", lambda device=None: 1000)
    with pytest.raises(
        UserError, match=r"^model: training \d+ parameters needs at least [\d.]+ kB of memory, and 1 kB"
    ):
        free_memory.check_weights_fit(torch.nn.Linear(10, 10), torch.device("cpu"))


def test_an_allocation_that_fails_in_training_is_one_line():
    text = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139 GiB"
    assert needed_bytes(torch.OutOfMemoryError(text)) == 20 * 2**30
    assert str(as_user_error(torch.OutOfMemoryError(text))).startswith("memory: 21.5 GB more were needed")
    other = RuntimeError("overflow in a kernel of ours")
    assert as_user_error(other) is other


def test_sizes_are_in_units_of_a_thousand():
    assert [size_text(each) for each in (999, 51_200_000_000, 1e16, math.inf)] == [
        "999 bytes",
        "51.2 GB",
        "10 PB",
        "more than 9 EB",
    ]
