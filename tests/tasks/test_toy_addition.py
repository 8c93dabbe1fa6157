"""Toy addition: the published run step by step, templates and classes as targets, and one-line errors."""

from copy import deepcopy
from functools import lru_cache
from itertools import permutations
from typing import Any
from unittest.mock import PropertyMock, patch

import numpy as np
import pytest
import torch

from grok.checks import UserError
from grok.random_streams import RandomStreams
from grok.science.effective_theory import effective_loss
from grok.science.effective_theory.parallelograms import equations
from grok.science.effective_theory.representation_quality import standardized
from grok.tasks.toy_addition import ToyAddition
from grok.training.batching import shared_config
from grok.training.build import build
from grok.training.instantiation import instantiate
from grok.training.module import ReplicaModule
from tests.conftest import composed

TOY = ("task=toy_addition", "logger=none")


@lru_cache(maxsize=1)
def _composed_once() -> dict[str, Any]:
    return composed(*TOY)


def configuration() -> dict[str, Any]:
    """A copy of the configuration of `task=toy_addition`, which a test may change."""
    return deepcopy(_composed_once())


def task(**changes: Any) -> ToyAddition:
    return instantiate(configuration()["task"] | changes, "task")


def configuration_of(seed: int, **task_changes: Any) -> dict[str, Any]:
    config = configuration() | {"seed": seed}
    config["task"] |= task_changes
    return config


def trained(module: ReplicaModule, *, steps: int) -> ReplicaModule:
    optimizer = module.configure_optimizers()
    for _ in range(steps):
        module.train_step(optimizer)
    return module


def evaluated_at(module: ReplicaModule, *steps: int) -> dict[int, dict[str, float]]:
    """The scalar quantities of the first replica at these steps of its training."""
    optimizer, values = module.configure_optimizers(), {}
    with patch.object(ReplicaModule, "loggers", new_callable=PropertyMock, return_value=[]):
        for step in steps:
            while module.step < step:
                module.train_step(optimizer)
            module.evaluate()
            values[step] = module.history.scalars(0)
    return values


def test_the_published_run_is_reproduced_step_by_step():
    """Seed 58 of toy/train_add.py, printed by its Figure4cd.ipynb: RQI > .95 at 800, training accuracy ≥ .9 at 1130,
    test accuracy ≥ .9 at 1530. The reference counts steps from 0. It reads RQI and training accuracy after the step."""
    module, _ = build([configuration_of(58, rng="reference")])
    values = evaluated_at(module, 0, 1, 799, 803, 1000, 1129, 1133, 1528, 1532)
    assert values[0]["train_loss"] == pytest.approx(0.98126620, abs=2e-7)
    assert values[1000]["train_loss"] == pytest.approx(0.43041229, abs=1e-4)
    assert values[799]["rqi"] <= 0.95 < values[803]["rqi"]
    assert values[1129]["train_accuracy"] < 0.9 <= values[1133]["train_accuracy"]
    assert values[1528]["test_accuracy"] < 0.9 <= values[1532]["test_accuracy"]


def test_the_published_flow_of_the_effective_loss_is_reproduced():
    """The published effective loss ℓ₀ over all of P₀, from the embedding after the first step: 397.76652391 at the
    start, .03198431 after 1,000 steps, and .00000004 after 2,000."""
    module, _ = build([configuration_of(58, rng="reference")])
    trained(module, steps=1)
    embedding = standardized(module.model.token_embedding.detach()[0]).double()
    pairs, quadruples = module.task.full_table()[0], module.task.parallelograms()
    matrix = effective_loss.equation_gram(
        equations(pairs, quadruples, 10), torch.ones(len(quadruples), dtype=torch.bool)
    )
    for steps, published, tolerance in ((0, 397.76652391, 1e-6), (1000, 0.03198431, 1e-6), (2000, 0.00000004, 5e-9)):
        final = effective_loss.effective_flow(embedding, matrix, step_size=1e-3, steps=steps)
        assert effective_loss.parallelogram_loss(final, matrix).item() == pytest.approx(published, abs=tolerance)


def test_the_split_and_templates_of_the_reference_come_from_numpy():
    np.random.seed(3)
    templates = np.random.normal(0, 1, size=(19, 30))
    chosen = np.random.choice(55, 45, replace=False)
    data = task(rng="reference").data(RandomStreams(3))
    assert data.train.indices.tolist() == chosen.tolist()
    first = data.train.targets[torch.arange(55), 0]
    torch.testing.assert_close(first, torch.from_numpy(templates)[data.train.inputs.sum(1)])


@pytest.mark.parametrize("rng", ["ours", "reference"])
def test_the_split_depends_on_the_seed_and_contains_every_pair_once(rng):
    first, again, other = (task(rng=rng).data(RandomStreams(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.train.indices, again.train.indices)
    assert not torch.equal(first.train.indices, other.train.indices)
    assert torch.equal(torch.cat([first.train.indices, first.test.indices]).sort().values, torch.arange(55))
    assert len(first.train.indices) == 45


def test_an_example_is_correct_if_the_template_of_its_result_is_the_nearest():
    data = task().data(RandomStreams(0))
    targets = data.train.targets
    correct = targets[:, 0]
    assert targets.shape == (55, 19, 30) and abs(targets.mean()) < 0.1 and abs(targets.std() - 1) < 0.05
    assert task().is_correct(correct + 0.1, targets).all() and (task().example_loss(correct, targets) == 0).all()
    assert not task().is_correct(targets[:, 1] + 0.1, targets).any()
    sums = data.train.inputs.sum(1)
    for left, right in ((0, 1), (3, 12), (40, 41)):
        assert torch.equal(correct[left], correct[right]) == bool(sums[left] == sums[right])


def test_classes_are_the_sums_and_replicas_share_them():
    first, second = (task(loss="cross_entropy").data(RandomStreams(seed)).train for seed in (0, 1))
    assert first.targets is second.targets and torch.equal(first.targets, first.inputs.sum(1))


def test_a_product_of_permutations_applies_the_first_one_first():
    elements = [*permutations(range(3))]
    data = task(operation="compose_s3", n_train=24, loss="cross_entropy").data(RandomStreams(0))
    for (x, y), result in zip(data.train.inputs.tolist(), data.train.targets.tolist(), strict=True):
        assert elements[result] == tuple(elements[y][elements[x][i]] for i in range(3))
    assert len(data.train.inputs) == 36 and len(data.test.indices) == 12


def test_the_decoder_reads_the_matrix_product_of_the_embeddings_which_depends_on_their_order():
    configs = [configuration_of(seed, operation="compose_s3", n_train=24) for seed in (0, 1)]
    for config in configs:
        config["model"] |= {"combine": "matrix_product", "d_embedding": 9}
    module, _ = build(configs)
    inputs = torch.tensor([[0, 1], [1, 0], [4, 5]]).expand(2, -1, -1)
    outputs, model = module.model(inputs), module.model
    left, right = (model.token_embedding[1, each].view(3, 3) for each in (4, 5))
    torch.testing.assert_close(outputs[1, 2], model.decoder((left @ right).view(1, 1, 9).expand(2, -1, -1))[1, 0])
    assert not torch.allclose(outputs[:, 0], outputs[:, 1])


def test_batched_replicas_with_different_settings_train_as_if_alone():
    configs = [configuration_of(0), configuration_of(58, rng="reference"), configuration_of(2)]
    hyperparameters = [(1e-3, 0.0, 1e-2, 0.0), (1e-4, 0.0, 1e-3, 0.0), (1e-4, 3.0, 1e-3, 1.0)]
    for config, (lr, decay, embeddings_lr, embeddings_decay) in zip(configs, hyperparameters, strict=True):
        config["model"]["width"] = 16
        config["optimizer"]["param_groups"] = {
            "embeddings": {"lr": embeddings_lr, "weight_decay": embeddings_decay},
            "decoder": {"lr": lr, "weight_decay": decay},
        }
    assert all(shared_config(config) == shared_config(configs[0]) for config in configs)
    batched = trained(build(configs)[0], steps=30)
    for replica, config in enumerate(configs):
        alone = trained(build([config])[0], steps=30)
        for parameter, single in zip(batched.model.parameters(), alone.model.parameters(), strict=True):
            torch.testing.assert_close(parameter[replica], single[0], rtol=2e-4, atol=2e-6)


def test_embeddings_and_decoder_can_have_their_own_hyperparameters():
    config = composed(*TOY, "optimizer.lr=0.5", "optimizer.param_groups.embeddings.lr=0.25", "optimizer.weight_decay=2")
    module, _ = build([config])
    embeddings, decoder = module.configure_optimizers().param_groups
    assert [each.shape for each in embeddings["params"]] == [(1, 10, 1)] and len(decoder["params"]) == 6
    assert (embeddings["lr"], embeddings["weight_decay"]) == (0.25, 0)
    assert (decoder["lr"], decoder["weight_decay"]) == (0.5, 2)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"n_train": 55}, "task.n_train=55: must be an integer from 1 to 54"),
        ({"operation": "plus"}, "task.operation=plus: must be one of add, add_modulo, compose_s3"),
        ({"p": 2}, "task.p=2: must be an integer from 3 to 200"),
        ({"p": 201}, "task.p=201: must be an integer from 3 to 200"),
        ({"loss": "hinge"}, "task.loss=hinge: must be one of squared_error, cross_entropy"),
        ({"rng": "mine"}, "task.rng=mine: must be one of ours, reference"),
        ({"sampling": "new"}, "task.sampling=new: must be one of epochs, fresh"),
    ],
)
def test_an_invalid_value_is_a_one_line_error(changes, line):
    with pytest.raises(UserError) as caught:
        instantiate(configuration()["task"] | changes, "task")
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("group", "changes", "line"),
    [
        (
            "model",
            {"embedding_bound": 0.1},
            "task.rng=reference: needs model=embedding_decoder and model.embedding_bound=0.5",
        ),
        (
            "model",
            {"combine": "matrix_product", "d_embedding": 8},
            "model.d_embedding=8: must be a square for model.combine=matrix_product",
        ),
        (
            "task",
            {"operation": "compose_s3", "n_train": 24},
            "model.combine=sum: must be matrix_product (with model.d_embedding=9) for task.operation=compose_s3",
        ),
        (
            "model",
            {"combine": "matrix_product", "d_embedding": 9},
            "model.combine=matrix_product: must be sum for task.operation=add",
        ),
        ("task", {"p": 101}, "measure=representation: reads sums of at most 100 numbers, not task.p=101"),
    ],
)
def test_values_that_do_not_fit_together_are_a_one_line_error(group, changes, line):
    config = configuration()
    config["task"]["rng"] = "ours" if group == "task" else "reference"
    config[group] |= changes
    with pytest.raises(UserError) as caught:
        build([config])
    assert str(caught.value) == line


def test_a_mistake_on_the_command_line_is_a_one_line_error(command):
    code, stderr = command(*TOY, "task.n_train=55")
    assert code == 2 and stderr == "error: task.n_train=55: must be an integer from 1 to 54\n"
