"""The network on control bits and task bits equals the reference's dense network, without products with zeros."""

import pytest
import torch
from torch.func import functional_call, grad, vmap

from grok.checks import UserError
from grok.models import controlled_mlp
from grok.models.controlled_mlp import ControlledMlp
from grok.models.mlp import Mlp
from grok.models.spec import ControlledBits, Vectors
from grok.random_streams import RandomStreams
from grok.science.numerics.packed_bits import random_bit_words, unpack_bits
from grok.training.build import build
from tests.conftest import composed

S, B, WIDTH = 5, 70, 6


def network(*seeds: int, n_subtasks: int = S, n_bits: int = B, width: int = WIDTH) -> ControlledMlp:
    generators = [RandomStreams(seed).generator("init") for seed in seeds]
    return ControlledMlp(width=width, inputs=ControlledBits(n_subtasks, n_bits), n_outputs=2, generators=generators)


def dense_network(*seeds: int) -> Mlp:
    """The same network with one-hot control bits as inputs."""
    generators = [RandomStreams(seed).generator("init") for seed in seeds]
    return Mlp(depth=2, width=WIDTH, activation="relu", inputs=Vectors(S + B), n_outputs=2, generators=generators)


def examples(n_replicas: int, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    subtasks = torch.randint(S, (n_replicas, n, 1), generator=generator)
    return torch.cat([subtasks, random_bit_words(n_replicas * n, B, generator).view(n_replicas, n, -1)], 2)


def one_hot(inputs: torch.Tensor) -> torch.Tensor:
    """[control bits ‖ task bits]"""
    control = torch.nn.functional.one_hot(inputs[..., 0], S).double()
    return torch.cat([control, unpack_bits(inputs[..., 1:], B, torch.float64)], -1)


@pytest.mark.parametrize("width", [10, 500])
def test_the_network_of_the_paper_has_603_parameters_per_neuron_and_two_output_biases(width):
    model = network(0, n_subtasks=500, n_bits=100, width=width)
    assert sum(parameter[0].numel() for parameter in model.parameters()) == 603 * width + 2


def test_it_has_the_initial_weights_of_the_dense_network():
    model, dense = network(0, 1), dense_network(0, 1)
    weight = torch.cat([model.first.control, model.first.weight], 1)
    assert torch.equal(weight, dense.layers[0].weight) and torch.equal(model.first.bias, dense.layers[0].bias)
    assert torch.equal(model.last.weight, dense.layers[1].weight)
    assert torch.equal(model.last.bias, dense.layers[1].bias)
    assert weight.abs().max() <= (S + B) ** -0.5


@pytest.mark.parametrize("n", [1, 33])  # 33 examples are three blocks of 10 and one of 3
def test_outputs_and_gradients_equal_those_of_the_dense_network(n, monkeypatch):
    monkeypatch.setattr(controlled_mlp, "BLOCK_ACTIVATIONS", 1)
    model, dense, inputs = network(0, 1), dense_network(0, 1), examples(2, n)
    outputs, expected = model(inputs), dense(one_hot(inputs))
    torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-14)
    for each in (outputs, expected):
        each.square().sum().backward()
    first, last = dense.layers
    control, weight = first.weight.grad.split([S, B], 1)
    gradients = [control, weight, first.bias.grad, last.weight.grad, last.bias.grad]
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-12, atol=1e-12)


def test_a_batched_replica_equals_that_replica_alone():
    batched, alone, inputs = network(0, 1, 2), network(1), examples(3, 20)
    torch.testing.assert_close(batched(inputs)[1], alone(inputs[1:2])[0], rtol=1e-12, atol=1e-14)


def test_bits_after_the_last_task_bit_have_no_effect():
    model, inputs = network(0), examples(1, 20)
    changed = inputs.clone()
    changed[..., 2] ^= -1 << B - 64
    assert not torch.equal(inputs, changed) and torch.equal(model(inputs), model(changed))


@pytest.mark.skipif(torch.__version__ < "2.12", reason="vmap of torch 2.11 cannot view words as bytes")
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # vmap runs baddbmm_ one example at a time
def test_torch_func_computes_the_gradients_of_single_examples():
    model, inputs = network(0), examples(1, 9)[0]

    def loss(parameters, example):
        return functional_call(model, parameters, example[None, None]).square().sum()

    parameters = dict(model.named_parameters())
    by_example = vmap(grad(loss), in_dims=(None, 0))(parameters, inputs)
    rows = torch.cat([each.flatten(1) for each in by_example.values()], 1)
    for row, example in zip(rows, inputs, strict=True):
        gradients = torch.autograd.grad(loss(parameters, example), [*parameters.values()])
        torch.testing.assert_close(row, torch.cat([each.flatten() for each in gradients]), rtol=1e-10, atol=1e-12)


def test_control_bits_can_have_their_own_hyperparameters():
    module, _ = build([composed("task=sparse_parity", "+optimizer.param_groups.control.lr=0.1")])
    rest, control = module.configure_optimizers().param_groups
    assert [each.shape for each in control["params"]] == [(1, 100, 200)] and control["lr"] == 0.1
    assert rest["lr"] == 3e-3 and len(rest["params"]) == 4


@pytest.mark.parametrize("width", [0, -3])
def test_a_width_below_1_is_an_error(width):
    with pytest.raises(UserError, match=f"model.width={width}: must be an integer of at least 1"):
        network(0, width=width)
