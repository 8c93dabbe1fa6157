"""Toy addition: the published run step by step, targets that are what they say, and mistakes told in one line."""

from copy import deepcopy
from functools import lru_cache
from itertools import permutations
from typing import Any
from unittest.mock import PropertyMock, patch

import numpy as np
import pytest
import torch

from grok.checks import UserError
from grok.science import effective_theory
from grok.science.parallelograms import equations
from grok.science.representation_quality import standardized
from grok.streams import Streams
from grok.tasks.toy_addition import ToyAddition
from grok.training.build import build
from grok.training.instantiation import instantiate
from grok.training.module import Training
from grok.training.side_by_side import shared_part
from tests.conftest import composed

TOY = ("task=toy_addition", "logger=none")


@lru_cache(maxsize=1)
def _composed_once() -> dict[str, Any]:
    return composed(*TOY)


def configuration() -> dict[str, Any]:
    """That of `task=toy_addition`, to be altered."""
    return deepcopy(_composed_once())


def task(**own: Any) -> ToyAddition:
    return instantiate(configuration()["task"] | own, "task")


def of_seed(seed: int, **of_task: Any) -> dict[str, Any]:
    """The configuration with this seed and these values of the task's."""
    config = configuration() | {"seed": seed}
    config["task"] |= of_task
    return config


def looked_at(training: Training, *steps: int) -> dict[int, dict[str, float]]:
    """What the first replica's measures say at these steps of its training."""
    optimizer, found = training.configure_optimizers(), {}
    with patch.object(Training, "loggers", new_callable=PropertyMock, return_value=[]):
        for step in steps:
            while training.step < step:
                training.take_step(optimizer)
            training.look()
            found[step] = training.history.scalars(0)
    return found


def test_the_published_run_is_ours_step_by_step():
    """Seed 58 of toy/train_add.py, printed by its Figure4cd.ipynb. It counts steps from 0, and reads RQI and the
    training accuracy after its step: RQI > .95 at 800, training accuracy ≥ .9 at 1130, test accuracy ≥ .9 at 1530."""
    training, _ = build([of_seed(58, random_numbers="reference")])
    seen = looked_at(training, 0, 1, 799, 803, 1000, 1129, 1133, 1528, 1532)
    assert seen[0]["train_loss"] == pytest.approx(0.98126620, abs=2e-7)
    assert seen[1000]["train_loss"] == pytest.approx(0.43041229, abs=1e-4)
    assert seen[799]["rqi"] <= 0.95 < seen[803]["rqi"]
    assert seen[1129]["train_accuracy"] < 0.9 <= seen[1133]["train_accuracy"]
    assert seen[1528]["test_accuracy"] < 0.9 <= seen[1532]["test_accuracy"]


def test_the_published_flow_is_ours():
    """Its effective loss ℓ₀ over all of P₀ from the embedding after its first step: 397.76652391, .03198431 after 1,000
    steps and .00000004 after 2,000."""
    training, _ = build([of_seed(58, random_numbers="reference")])
    training.take_step(training.configure_optimizers())
    embedding = standardized(training.model.token_embedding.detach()[0]).double()
    pairs, quadruples = training.task.truth()[0], training.task.parallelograms()
    matrix = effective_theory.gram(equations(pairs, quadruples, 10), torch.ones(len(quadruples), dtype=torch.bool))
    for steps, published, within in ((0, 397.76652391, 1e-6), (1000, 0.03198431, 1e-6), (2000, 0.00000004, 5e-9)):
        flown = effective_theory.effective_flow(embedding, matrix, step_size=1e-3, steps=steps)
        assert effective_theory.parallelogram_loss(flown, matrix).item() == pytest.approx(published, abs=within)


def test_the_references_split_and_templates_are_numpys():
    np.random.seed(3)
    templates = np.random.normal(0, 1, size=(19, 30))
    chosen = np.random.choice(55, 45, replace=False)
    data = task(random_numbers="reference").data(Streams(3))
    assert data.train.rows.tolist() == chosen.tolist()
    own = data.train.targets[torch.arange(55), 0]
    torch.testing.assert_close(own, torch.from_numpy(templates)[data.train.inputs.sum(1)])


@pytest.mark.parametrize("random_numbers", ["ours", "reference"])
def test_the_split_is_the_seeds_and_leaves_nothing_out(random_numbers):
    once, again, other = (task(random_numbers=random_numbers).data(Streams(seed)) for seed in (0, 0, 1))
    assert torch.equal(once.train.rows, again.train.rows) and not torch.equal(once.train.rows, other.train.rows)
    assert torch.equal(torch.cat([once.train.rows, once.test.rows]).sort().values, torch.arange(55))
    assert len(once.train.rows) == 45


def test_an_example_is_correct_where_its_own_template_is_the_nearest():
    data = task().data(Streams(0))
    targets = data.train.targets
    own = targets[:, 0]
    assert targets.shape == (55, 19, 30) and abs(targets.mean()) < 0.1 and abs(targets.std() - 1) < 0.05
    assert task().is_correct(own + 0.1, targets).all() and (task().example_loss(own, targets) == 0).all()
    assert not task().is_correct(targets[:, 1] + 0.1, targets).any()
    sums = data.train.inputs.sum(1)
    for left, right in ((0, 1), (3, 12), (40, 41)):
        assert torch.equal(own[left], own[right]) == bool(sums[left] == sums[right])


def test_classes_are_the_sums_and_share_one_table():
    one, other = (task(loss="cross_entropy").data(Streams(seed)).train for seed in (0, 1))
    assert one.targets is other.targets and torch.equal(one.targets, one.inputs.sum(1))


def test_permutations_are_multiplied_first_by_first():
    elements = [*permutations(range(3))]
    data = task(operation="compose_s3", n_train=24, loss="cross_entropy").data(Streams(0))
    for (x, y), result in zip(data.train.inputs.tolist(), data.train.targets.tolist(), strict=True):
        assert elements[result] == tuple(elements[y][elements[x][i]] for i in range(3))
    assert len(data.train.inputs) == 36 and len(data.test.rows) == 12


def test_matrices_decode_their_product_and_order_tells():
    configs = [of_seed(seed, operation="compose_s3", n_train=24) for seed in (0, 1)]
    for config in configs:
        config["model"] |= {"combine": "matrix_product", "d_embedding": 9}
    training, _ = build(configs)
    inputs = torch.tensor([[0, 1], [1, 0], [4, 5]]).expand(2, -1, -1)
    outputs, model = training.model(inputs), training.model
    left, right = (model.token_embedding[1, each].view(3, 3) for each in (4, 5))
    torch.testing.assert_close(outputs[1, 2], model.decoder((left @ right).view(1, 1, 9).expand(2, -1, -1))[1, 0])
    assert not torch.allclose(outputs[:, 0], outputs[:, 1])


def test_replicas_side_by_side_are_those_alone():
    configs = [of_seed(0), of_seed(58, random_numbers="reference"), of_seed(2)]
    rates = [(1e-3, 0.0, 1e-2, 0.0), (1e-4, 0.0, 1e-3, 0.0), (1e-4, 3.0, 1e-3, 1.0)]
    for config, (lr, decay, embeddings_lr, embeddings_decay) in zip(configs, rates, strict=True):
        config["model"]["width"] = 16
        config["optimizer"]["parts"] = {
            "embeddings": {"lr": embeddings_lr, "weight_decay": embeddings_decay},
            "decoder": {"lr": lr, "weight_decay": decay},
        }
    assert all(shared_part(config) == shared_part(configs[0]) for config in configs)
    together, _ = build(configs)
    optimizer = together.configure_optimizers()
    for _ in range(30):
        together.take_step(optimizer)
    for replica, config in enumerate(configs):
        alone, _ = build([config])
        optimizer = alone.configure_optimizers()
        for _ in range(30):
            alone.take_step(optimizer)
        for ours, single in zip(together.model.parameters(), alone.model.parameters(), strict=True):
            torch.testing.assert_close(ours[replica], single[0], rtol=2e-4, atol=2e-6)


def test_embeddings_and_decoder_have_rates_of_their_own():
    config = composed(*TOY, "optimizer.lr=0.5", "optimizer.parts.embeddings.lr=0.25", "optimizer.weight_decay=2")
    training, _ = build([config])
    embeddings, decoder = training.configure_optimizers().param_groups
    assert [each.shape for each in embeddings["params"]] == [(1, 10, 1)] and len(decoder["params"]) == 6
    assert (embeddings["lr"], embeddings["weight_decay"]) == (0.25, 0)
    assert (decoder["lr"], decoder["weight_decay"]) == (0.5, 2)


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ({"n_train": 55}, "task.n_train=55: must be a whole number from 1 to 54"),
        ({"operation": "plus"}, "task.operation=plus: must be one of add, add_modulo, compose_s3"),
        ({"p": 2}, "task.p=2: must be a whole number from 3 to 200"),
        ({"p": 201}, "task.p=201: must be a whole number from 3 to 200"),
        ({"loss": "hinge"}, "task.loss=hinge: must be one of squared_error, cross_entropy"),
        ({"random_numbers": "mine"}, "task.random_numbers=mine: must be one of ours, reference"),
        (
            {"operation": "compose_s3", "n_train": 24, "random_numbers": "reference"},
            "task.random_numbers=reference: is of sums, not of task.operation=compose_s3",
        ),
    ],
)
def test_what_it_cannot_be_is_one_clear_line(own, line):
    with pytest.raises(UserError) as told:
        instantiate(configuration()["task"] | own, "task")
    assert str(told.value) == line


@pytest.mark.parametrize(
    ("group", "own", "line"),
    [
        (
            "model",
            {"embedding_bound": 0.1},
            "task.random_numbers=reference: needs model=embedding_decoder with its sum and bound",
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
def test_what_does_not_fit_together_is_one_clear_line(group, own, line):
    config = configuration()
    config["task"]["random_numbers"] = "ours" if group == "task" else "reference"
    config[group] |= own
    with pytest.raises(UserError) as told:
        build([config])
    assert str(told.value) == line


def test_a_mistake_on_the_command_line_is_told_as_one(command):
    code, said = command(*TOY, "task.n_train=55")
    assert code == 2 and said == "error: task.n_train=55: must be a whole number from 1 to 54\n"
