"""The perceptron on control and task bits: the reference's network, without multiplying by zeros."""

import pytest
import torch
from torch.func import functional_call

from grok.checks import UserError
from grok.models import controlled_mlp
from grok.models.controlled_mlp import ControlledMlp
from grok.models.mlp import Mlp
from grok.science.gradient_gram import per_sample_gradients
from grok.science.packed_bits import random_words, unpacked
from grok.streams import Streams
from grok.training.build import build
from tests.conftest import composed

S, B, WIDTH = 5, 70, 6


def network(*seeds: int, n_subtasks: int = S, n_bits: int = B, width: int = WIDTH) -> ControlledMlp:
    generators = [Streams(seed).generator("init") for seed in seeds]
    return ControlledMlp(n_subtasks=n_subtasks, n_bits=n_bits, width=width, n_outputs=2, generators=generators)


def dense(*seeds: int) -> Mlp:
    """The same in one-hot control bits."""
    generators = [Streams(seed).generator("init") for seed in seeds]
    return Mlp(depth=2, width=WIDTH, activation="relu", n_inputs=S + B, n_outputs=2, generators=generators)


def examples(n_replicas: int, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    subtasks = torch.randint(S, (n_replicas, n, 1), generator=generator)
    return torch.cat([subtasks, random_words(n_replicas * n, B, generator).view(n_replicas, n, -1)], 2)


def one_hot(inputs: torch.Tensor) -> torch.Tensor:
    """[control bits ‖ task bits]"""
    control = torch.nn.functional.one_hot(inputs[..., 0], S).double()
    return torch.cat([control, unpacked(inputs[..., 1:], B, torch.float64)], -1)


@pytest.mark.parametrize("width", [10, 500])
def test_the_papers_network_has_603_parameters_a_neuron_and_two(width):
    ours = network(0, n_subtasks=500, n_bits=100, width=width)
    assert sum(parameter[0].numel() for parameter in ours.parameters()) == 603 * width + 2


def test_it_starts_from_the_numbers_of_the_dense_network():
    ours, theirs = network(0, 1), dense(0, 1)
    together = torch.cat([ours.first.control, ours.first.weight], 1)
    assert torch.equal(together, theirs.layers[0].weight) and torch.equal(ours.first.bias, theirs.layers[0].bias)
    assert torch.equal(ours.last.weight, theirs.layers[1].weight) and torch.equal(ours.last.bias, theirs.layers[1].bias)
    assert together.abs().max() <= (S + B) ** -0.5


@pytest.mark.parametrize("n", [1, 33])  # of 33, blocks of 10 and one of 3
def test_outputs_and_gradients_are_those_of_the_dense_network(n, monkeypatch):
    monkeypatch.setattr(controlled_mlp, "CACHED", 1)
    ours, theirs, inputs = network(0, 1), dense(0, 1), examples(2, n)
    found, expected = ours(inputs), theirs(one_hot(inputs))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    for outputs in (found, expected):
        outputs.square().sum().backward()
    first, last = theirs.layers
    control, weight = first.weight.grad.split([S, B], 1)
    pairs = zip(ours.parameters(), [control, weight, first.bias.grad, last.weight.grad, last.bias.grad], strict=True)
    for parameter, gradient in pairs:
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-12, atol=1e-12)


def test_a_replica_among_others_is_that_replica_alone():
    together, alone, inputs = network(0, 1, 2), network(1), examples(3, 20)
    torch.testing.assert_close(together(inputs)[1], alone(inputs[1:2])[0], rtol=1e-12, atol=1e-14)


def test_bits_beyond_the_last_are_not_read():
    ours, inputs = network(0), examples(1, 20)
    other = inputs.clone()
    other[..., 2] ^= -1 << B - 64
    assert not torch.equal(inputs, other) and torch.equal(ours(inputs), ours(other))


@pytest.mark.skipif(torch.__version__ < "2.12", reason="vmap of torch 2.11 cannot view words as bytes")
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # vmap takes baddbmm_ one example at a time
def test_gradients_of_single_examples_come_from_torch_func():
    ours, inputs = network(0), examples(1, 9)[0]

    def loss(parameters, example):
        return functional_call(ours, parameters, example[None, None]).square().sum()

    parameters = dict(ours.named_parameters())
    rows = per_sample_gradients(loss, parameters, [inputs], block=4, sketch=None)
    for row, example in zip(rows, inputs, strict=True):
        found = torch.autograd.grad(loss(parameters, example), [*parameters.values()])
        torch.testing.assert_close(row, torch.cat([each.flatten() for each in found]), rtol=1e-10, atol=1e-12)


def test_control_bits_have_rates_of_their_own():
    training, _ = build([composed("task=sparse_parity", "+optimizer.parts.control.lr=0.1")])
    rest, control = training.configure_optimizers().param_groups
    assert [each.shape for each in control["params"]] == [(1, 100, 200)] and control["lr"] == 0.1
    assert rest["lr"] == 3e-3 and len(rest["params"]) == 4


@pytest.mark.parametrize("width", [0, -3])
def test_a_width_below_1_is_refused(width):
    with pytest.raises(UserError, match=f"model.width={width}: must be a whole number of at least 1"):
        network(0, width=width)
