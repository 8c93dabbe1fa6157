"""Our tanh is as exact as float32 needs, and is torch's where it must be."""

import pytest
import torch

from grok.science.numerics.tanh import tanh, torch_tanh

X = torch.cat(
    [
        torch.linspace(-60, 60, 400_001),
        torch.linspace(-0.11, 0.11, 400_001),
        torch.logspace(-38, 0, 100_000),
        -torch.logspace(-38, 0, 100_000),
    ]
)


@pytest.fixture(scope="module", params=[False, True], ids=["eager", "compiled"])
def function(request):
    return torch.compile(tanh, fullgraph=True, dynamic=False) if request.param else tanh


def test_the_error_is_that_of_float32(function):
    exact = torch.tanh(X.double())
    error = (function(X).double() - exact).abs()
    assert error.max() <= 2e-7
    small = (X.abs() < 0.1) & (X != 0)
    assert (error / exact.abs())[small].max() <= 1e-6


def test_the_ends_and_zero_are_exact(function):
    ends = function(torch.tensor([float("inf"), -float("inf"), 0.0, 1e30, -1e30]))
    assert ends.tolist() == [1.0, -1.0, 0.0, 1.0, -1.0]
    assert function(torch.tensor([float("nan")])).isnan().all()


def test_the_gradient_is_one_minus_the_square(function):
    x = torch.linspace(-5, 5, 1001, requires_grad=True)
    weights = torch.randn(1001, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((function(x) * weights).sum(), x)
    exact = weights.double() * (1 - torch.tanh(x.detach().double()).square())
    torch.testing.assert_close(gradient.double(), exact, rtol=0, atol=2e-6)


def test_it_is_torchs_in_float64_and_where_the_reference_is_followed():
    assert torch.equal(tanh(X.double()), torch.tanh(X.double()))
    assert not torch.equal(tanh(X), torch.tanh(X))
    with torch_tanh():
        assert torch.equal(tanh(X), torch.tanh(X))
    assert not torch.equal(tanh(X), torch.tanh(X))


def test_it_works_for_each_sample():
    gradients = torch.func.vmap(torch.func.grad(lambda x: tanh(x).sum()))(X[:12].view(3, 4))
    torch.testing.assert_close(gradients, 1 - torch.tanh(X[:12].view(3, 4)).square())
