"""Modular addition: the published split, label noise and random labels, and one-line errors."""

import random

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser

from grok.checks import UserError
from grok.random_streams import RandomStreams
from grok.science.modular.binary_operations import OPERATIONS
from grok.tasks.modular_addition import ModularAddition
from grok.training.batching import shared_config
from grok.training.build import build
from grok.training.instantiation import instantiate
from tests.conftest import composed

SMALL = ("task=modular_addition", "task.p=11", "model.width=16", "model.d_mlp=16", "logger=none", "steps=1")


def task(*overrides: str) -> ModularAddition:
    return instantiate(composed("task=modular_addition", *overrides)["task"], "task")


def test_the_published_split_has_3_830_pairs_in_the_order_of_the_reference():
    pairs = [(a, b) for a in range(113) for b in range(113)]
    random.seed(1)
    random.shuffle(pairs)
    data = task("task.rng=reference").data(RandomStreams(1))
    assert data.train.inputs[data.train.indices].tolist() == [[*pair] for pair in pairs[:3830]]
    assert data.test.inputs[data.test.indices].tolist() == [[*pair] for pair in pairs[3830:]]


@pytest.mark.parametrize("rng", ["ours", "reference"])
def test_the_split_depends_on_the_seed_and_contains_every_pair_once(rng):
    splits = [task(f"task.rng={rng}").data(RandomStreams(seed)) for seed in (0, 0, 1)]
    indices, again, other = (each.train.indices for each in splits)
    assert torch.equal(indices, again) and not torch.equal(indices, other)
    assert torch.equal(torch.cat([indices, splits[0].test.indices]).sort().values, torch.arange(113**2))


def test_replicas_share_the_pairs_and_their_sums():
    first, second = (task().data(RandomStreams(seed)).train for seed in (0, 1))
    assert first.inputs is second.inputs and first.targets is second.targets
    assert torch.equal(first.targets, first.inputs.sum(1) % 113)
    assert torch.equal(first.inputs[7 * 113 + 5], torch.tensor([7, 5]))


def test_label_noise_replaces_this_fraction_of_the_training_labels_by_wrong_labels():
    noisy = task("task.label_noise=0.05")
    data, (_, results) = noisy.data(RandomStreams(0)), noisy.full_table()
    wrong = (data.train.targets != results).nonzero().squeeze(1)
    assert len(wrong) == round(0.05 * 3830) and set(wrong.tolist()) <= set(data.train.indices.tolist())
    assert data.train.targets.max() < 113
    assert torch.equal(data.train.indices, task().data(RandomStreams(0)).train.indices)


def test_random_labels_are_independent_of_the_sums():
    control = task("task.labels=random")
    labels, (_, results) = control.data(RandomStreams(0)).train.targets, control.full_table()
    assert (labels == results).double().mean().item() == pytest.approx(1 / 113, abs=0.005)
    counts = torch.bincount(labels, minlength=113).double()
    assert counts.mean() == 113 and counts.std().item() == pytest.approx(113**0.5, rel=0.3)


def test_replicas_with_different_labels_and_splits_can_be_batched():
    variants = [("seed=0",), ("task.labels=random",), ("task.label_noise=0.1",), ("task.rng=reference",)]
    configs = [composed(*SMALL, *changes) for changes in variants]
    assert all(shared_config(config) == shared_config(configs[0]) for config in configs)
    module, data = build(configs)
    inputs, targets = module.batches.batch(0)
    for replica, each in enumerate(data):
        assert torch.equal(inputs[replica], each.train.inputs[each.train.indices])
        assert torch.equal(targets[replica], each.train.targets[each.train.indices])


def test_a_loss_that_is_zero_in_float32_is_exact_in_float64():
    outputs, targets = torch.tensor([[30.0, 0.0, 0.0]]), torch.tensor([0])
    exact = torch.tensor([30.0, 0, 0], dtype=torch.float64).softmax(0)[1:].sum().item()
    assert task().example_loss(outputs, targets).item() == pytest.approx(exact, rel=1e-3)
    assert task("task.loss_precision=float32").example_loss(outputs, targets).item() == 0


SENTENCE = (
    *SMALL[:2],
    "task.form=sentence",
    "model=decoder",
    "model.width=16",
    "model.d_mlp=16",
    "logger=none",
    "steps=1",
)


def test_a_sentence_counts_only_its_result():
    module, (data,) = build([composed(*SENTENCE, "measure=[weight_norm]")])
    sentence, targets = data.train.inputs[7 * 11 + 5], data.train.targets[7 * 11 + 5]
    assert sentence.tolist() == [7, 11, 5, 12] and targets.tolist() == [-1, -1, -1, 1]  # 7 ∘ 5 = 1 modulo 11
    pairs = task("task.p=11").data(RandomStreams(0))
    assert torch.equal(data.train.indices, pairs.train.indices)
    inputs, targets = module.batches.batch(0)
    outputs = module.model(inputs)
    expected = torch.nn.functional.cross_entropy(outputs[0, :, 3].double(), targets[0, :, 3])
    assert module.losses().item() == pytest.approx(expected.item(), rel=1e-6)
    performance = module.evaluate_on(module.datasets["train"])
    correct = outputs[0, :, 3].argmax(-1) == targets[0, :, 3]
    assert performance.mean(performance.correct).item() == pytest.approx(correct.double().mean().item())


@pytest.mark.parametrize("measure", ["circuit", "ring_coordinates", "maps", "anomaly", "symmetry", "zero_operand"])
def test_measures_of_pairs_refuse_a_sentence(measure):
    operation = "divide" if measure == "zero_operand" else "add"
    with pytest.raises(UserError, match=rf"^measure={measure}: (reads|needs) .*") as error:
        build([composed(*SENTENCE, f"measure=[{measure}]", f"task.operation={operation}")])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_data_and_a_name_that_the_command_line_can_parse(operation):
    (override,) = OverridesParser.create().parse_overrides([f"task.operation={operation}"])
    assert override.value() == operation
    with_operation = task(f"task.operation={operation}", "task.p=11")
    data, n = with_operation.data(RandomStreams(0)), with_operation.spec.outputs.n
    assert data.train.inputs.max() == n - 1 and data.train.targets.max() < n
    assert len(data.train.indices) == int(0.3 * len(data.train.inputs))
    if operation.endswith("_s5"):
        assert n == 120  # independent of p


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("task.p=100", "task.operation=divide"), "task.p=100: must be a prime for task.operation=divide"),
        (
            ("task.p=9", "task.operation=divide_or_subtract"),
            "task.p=9: must be a prime for task.operation=divide_or_subtract",
        ),
        (("task.p=2",), "task.p=2: must be an integer from 3 to 4,999"),
        (("task.p=1000003",), "task.p=1000003: must be an integer from 3 to 4,999"),
        (("task.fraction=1",), "task.fraction=1: must be a number above 0 and below 1"),
        (("task.fraction=0.0",), "task.fraction=0.0: must be a number above 0 and below 1"),
        (("task.fraction=0.001",), "task.fraction=0.001: gives no training example out of 121 pairs"),
        (("task.form=sentence",), "these models fit: decoder, pretrained"),
        (("task.form=triple",), "task.form=triple: must be one of pair, sentence"),
        (("task.operation=plus",), f"task.operation=plus: must be one of {', '.join(OPERATIONS)}"),
        (("task.labels=true",), "task.labels=true: must be text; a number in quotes is text"),
        (
            ("task.labels=random", "task.label_noise=0.1"),
            "task.label_noise=0.1: needs task.labels=operation, not task.labels=random",
        ),
    ],
)
def test_a_mistake_is_a_one_line_error(command, overrides, line):
    code, stderr = command(*SMALL, *overrides)
    assert code and stderr.strip().splitlines()[-1].endswith(line) and "Traceback" not in stderr


def test_the_logit_of_the_equals_sign_is_trained_only_on_demand():
    """With the key, the loss is that of p + 1 classes from the same initial weights, as in the reference code."""
    (default, _), (trained, _) = (
        build([composed(*SMALL, f"task.train_equals_logit={flag}")]) for flag in ("false", "true")
    )
    weights = default.model.state_dict()
    assert all(torch.equal(each, weights[name]) for name, each in trained.model.state_dict().items())
    inputs, targets = trained.batches.batch(0)
    outputs = trained.model(inputs)
    assert outputs.shape[-1] == 12
    torch.testing.assert_close(outputs[..., :11], default.model(inputs))
    log_probability = torch.log_softmax(outputs.double(), -1).gather(-1, targets.unsqueeze(-1))
    assert trained.losses().item() == pytest.approx(-log_probability.mean().item(), rel=1e-6)
    for module, is_trained in ((default, False), (trained, True)):
        module.losses().sum().backward()
        assert module.model.unembedding.weight.grad[..., 11].any() == is_trained


def test_measures_do_not_see_the_logit_of_the_equals_sign():
    """At the same weights, all measures are those of the default; only losses and accuracies have the extra class."""
    (default, _), (trained, _) = (
        build([composed(*SMALL, f"task.train_equals_logit={flag}", "plot=[]")]) for flag in ("false", "true")
    )
    for module in (default, trained):
        module.evaluate()
    for name, (values,) in default.history.columns.items():
        if not name.endswith(("train_loss", "test_loss", "_accuracy")):
            torch.testing.assert_close(trained.history.latest(name), values, rtol=1e-4, atol=1e-6, equal_nan=True)
    assert trained.history.latest("train_loss") > default.history.latest("train_loss")


@pytest.mark.parametrize("model", ["model=embedded_mlp", "model.equals_sign=false"])
def test_training_that_logit_needs_an_equals_sign(model):
    keys = [each for each in SMALL if not each.startswith("model.") or model == "model.equals_sign=false"]
    with pytest.raises(UserError, match="needs model=transformer and"):
        build([composed(*keys, model, "measure=[]", "task.train_equals_logit=true")])
