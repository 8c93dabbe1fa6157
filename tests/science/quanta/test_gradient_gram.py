"""Inner products of per-sample gradients."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from grok.science.quanta.gradient_gram import (
    LinearLayer,
    error_signals,
    gradient_rows,
    gram,
    linear_gram,
    passed_layers,
    random_count_sketch,
)

N = 11


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5, bias=False), nn.Tanh(), nn.Linear(5, 3)
    return nn.Sequential(*layers).double()


@pytest.fixture
def samples() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(N, 6, generator=generator(), dtype=torch.float64)
    return x, torch.randint(3, (N,), generator=generator(1))


@pytest.fixture
def autograd_gradients(network, samples) -> torch.Tensor:
    """Each sample's gradient by a loop over autograd."""
    gradients = []
    for x, y in zip(*samples, strict=True):
        parts = torch.autograd.grad(functional.cross_entropy(network(x), y), [*network.parameters()])
        gradients.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(gradients)


@pytest.mark.parametrize("block", [1, 4, 100])
def test_products_from_layers_equal_products_of_gradients(network, samples, autograd_gradients, block):
    passed, layers, (x, y) = [], [], samples
    for layer in network:
        inputs, x = x, layer(x)
        if isinstance(layer, nn.Linear):
            passed.append((inputs, x, layer.bias is not None))
    signals = error_signals(functional.cross_entropy(x, y, reduction="none"), [outputs for _, outputs, _ in passed])
    layers = [LinearLayer(inputs, signal, bias) for (inputs, _, bias), signal in zip(passed, signals, strict=True)]
    products = linear_gram(layers, block=block)
    assert not products.requires_grad
    torch.testing.assert_close(products, gram(autograd_gradients))


def test_an_index_and_its_one_hot_vector_give_the_same_products():
    inputs, signals = (torch.randn(N, 3, generator=generator(seed), dtype=torch.float64) for seed in (0, 1))
    indices = torch.randint(4, (N,), generator=generator(2))
    dense = torch.cat([inputs, functional.one_hot(indices, 4)], dim=1)
    products = linear_gram([LinearLayer(inputs, signals, bias=True, one_hot=indices)], block=4)
    torch.testing.assert_close(products, linear_gram([LinearLayer(dense, signals, bias=True)], block=4))


def sequence_network(*, frozen: bool) -> nn.Sequential:
    """A network that mixes three positions, whose activation overwrites the outputs of a linear map."""
    torch.manual_seed(0)
    mix = nn.AdaptiveAvgPool2d((1, 5))
    layers = nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 5, bias=False), mix, nn.Flatten(), nn.Linear(5, 3)
    return nn.Sequential(*layers).double().requires_grad_(not frozen)


@pytest.mark.parametrize("frozen", [True, False])
def test_gradients_of_samples_that_pass_a_layer_several_times_equal_those_of_torch_func(frozen):
    network = sequence_network(frozen=frozen)
    x, y = torch.randn(N, 3, 6, generator=generator(), dtype=torch.float64), torch.randint(3, (N,))

    def loss(parameters, inputs, target):
        return functional.cross_entropy(functional_call(network, parameters, inputs[None])[0], target)

    maps = [each for each in network if isinstance(each, nn.Linear)]
    layers = passed_layers(maps, lambda: functional.cross_entropy(network(x), y, reduction="none"))
    parameters = {name: each.detach() for name, each in network.named_parameters()}
    expected = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    torch.testing.assert_close(gradient_rows(layers), torch.cat([each.flatten(1) for each in expected.values()], 1))
    assert not any(each._forward_hooks for each in maps)


def test_a_sketch_keeps_products_in_expectation_within_the_stated_error():
    vectors = torch.randn(2, 3000, generator=generator())
    exact = gram(vectors)
    sketched = torch.stack(
        [gram(random_count_sketch(3000, n_kept=50, generator=generator(s))(vectors)) for s in range(400)]
    )
    squares = exact.diagonal()
    bound = ((squares[:, None] * squares + exact.square()) / 50).sqrt()
    assert ((sketched.mean(0) - exact).abs() < 4 * bound / 400**0.5).all()
    assert (sketched.std(0) < 1.15 * bound).all()
