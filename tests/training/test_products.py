"""The library of matrix products is chosen by its measured error."""

import pytest
import torch

from grok.science.numerics.tanh import tanh
from grok.training import products
from grok.training.products import MAX_ERROR, ONEDNN, ROUNDED, TORCH, choose_products, relative_error

CPU = torch.device("cpu")


def test_the_error_of_torchs_products_is_that_of_the_precision():
    assert relative_error(TORCH, torch.float32, CPU) < MAX_ERROR
    assert relative_error(TORCH, torch.float64, CPU) < 1e-14


@pytest.mark.parametrize(("error", "library"), [(MAX_ERROR, ONEDNN), (2e-3, TORCH)])
def test_onednn_is_chosen_if_its_error_is_that_of_float32(monkeypatch, error, library):
    monkeypatch.setattr(products, "relative_error", lambda *_: error)
    assert choose_products("auto", "float32", CPU).library == library


def test_the_precision_and_the_reference_decide_first():
    assert choose_products("auto", "float64", CPU).library == TORCH
    assert choose_products("auto", "bfloat16", CPU).library == ROUNDED
    reference = choose_products("reference", "float32", CPU)
    assert reference.library == TORCH and reference.reference
    assert not choose_products("auto", "float32", CPU).reference
    assert not choose_products("onednn", "float32", CPU).reference


def test_products_are_active_only_inside():
    x = torch.linspace(-1, 1, 101)
    with choose_products("reference", "float32", CPU).active():
        assert torch.get_float32_matmul_precision() == "highest" and torch.equal(tanh(x), torch.tanh(x))
    with choose_products("auto", "bfloat16", CPU).active():
        assert torch.get_float32_matmul_precision() == "medium" and not torch.equal(tanh(x), torch.tanh(x))
    assert torch.get_float32_matmul_precision() == "highest"
