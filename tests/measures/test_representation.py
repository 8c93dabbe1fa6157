"""The measures of a representation: of planted embeddings, of the training set alone, and over steps."""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
import torch

from grok.measures.embeddings import Embeddings
from grok.measures.representation import Representation
from grok.records.history import History
from grok.training.build import build
from grok.training.module import ReplicaModule
from tests.conftest import TINY, composed
from tests.measures.snapshots import snapshot_of

ON_S3 = ("task.operation=compose_s3", "task.n_train=24", "model.combine=matrix_product", "model.d_embedding=9")
TOY = ("task=toy_addition", "model.width=8", "logger=none")


@lru_cache(maxsize=2)
def _composed(*overrides: str) -> dict[str, Any]:
    return composed(*TOY, *overrides)


def built(*overrides: str, d_embedding: int = 1, seeds: int = 1) -> ReplicaModule:
    config = _composed(*overrides)
    model = config["model"] | ({"d_embedding": d_embedding} if d_embedding > 1 else {})
    return build([config | {"seed": seed, "model": model} for seed in range(seeds)])[0]


def measured(module: ReplicaModule, embedding: torch.Tensor) -> dict[str, float]:
    """The quantities of the first replica with this embedding."""
    with torch.no_grad():
        module.model.token_embedding[0] = embedding
    return {name: each.values[0].item() for name, each in Representation()(snapshot_of(module)).items()}


def test_a_line_has_every_parallelogram_and_the_best_accuracy_that_the_training_set_allows():
    module = built(d_embedding=3)
    values = measured(module, torch.arange(10.0).unsqueeze(1) * torch.tensor([1.0, -2.0, 0.5]))
    limits = Representation().finalize(snapshot_of(module), history_of(module))
    assert values["rqi"] == values["rqi_by_distance"] == 1
    assert values["effective_loss"] == pytest.approx(0, abs=1e-9)
    assert values["effective_dimension"] == pytest.approx(1, abs=1e-3)
    assert values["predicted_accuracy"] == limits["ideal_accuracy"].values[0]
    assert values["predicted_accuracy"] >= 51 / 55  # four sums have only one pair
    assert limits["ideal_rqi"].values[0] == 1 and limits["nullity"].values[0] == 2


def test_a_random_embedding_predicts_the_training_set_alone():
    values = measured(built(d_embedding=5), torch.randn(10, 5, generator=torch.Generator().manual_seed(0)))
    assert values["rqi"] == values["rqi_by_distance"] == 0
    assert values["predicted_accuracy"] == pytest.approx(45 / 55)
    assert 2 < values["effective_dimension"] <= 5


def test_the_full_table_accuracy_of_a_batched_replica_is_that_of_its_own_table():
    module = built(seeds=3)
    snapshot = snapshot_of(module)
    accuracy = Representation()(snapshot)["full_table_accuracy"].values
    expected = torch.cat([snapshot.train.correct, snapshot.test.correct], 1).double().mean(1)
    torch.testing.assert_close(accuracy, expected)
    training_pairs = [set(each.tolist()) for each in snapshot.train.indices % 55]
    for replica, pairs in enumerate(training_pairs):
        alone = build([_composed() | {"seed": replica}])[1][0]
        assert pairs == set(alone.train.indices.tolist())


def history_of(module: ReplicaModule) -> History:
    """A history with RQI above .95 from the third evaluation on, in the first replica only."""
    history = History()
    for step, value in ((0, 0.2), (10, 0.9), (20, 0.97), (30, 0.96)):
        row = Representation()(snapshot_of(module))
        rqi = torch.full_like(row["rqi"].values, 0.1)
        rqi[0] = value
        history.append(step, row | {"rqi": replace(row["rqi"], values=rqi)})
    return history


def test_the_rqi_step_is_the_first_step_above_the_threshold_or_nan():
    module = built(seeds=2)
    step = Representation().finalize(snapshot_of(module), history_of(module))["rqi_step"].values
    assert step[0] == 20 and math.isnan(step[1])


def test_matrices_that_represent_the_group_have_every_parallelogram():
    order = torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    values = measured(built(*ON_S3), torch.eye(3)[order].flatten(1))
    assert values["rqi"] == 1 and values["predicted_accuracy"] == 1 and "effective_loss" not in values


def test_identical_matrices_also_have_every_parallelogram():
    assert measured(built(*ON_S3), torch.randn(9).expand(6, -1))["rqi"] == 1


def test_sums_modulo_p_have_a_ring_instead_of_parallelograms():
    module = built("task.operation=add_modulo", "task.p=11", d_embedding=3)
    angle = 2 * math.pi * 3 * torch.arange(11) / 11
    ring = torch.stack([angle.cos(), angle.sin(), 0 * angle], dim=1)
    values = measured(module, ring)
    assert values["circularity"] == pytest.approx(1, abs=1e-4)
    assert values["effective_dimension"] == pytest.approx(2, abs=1e-3) and "full_table_accuracy" in values
    noise = measured(module, torch.randn(11, 3, generator=torch.Generator().manual_seed(0)))
    assert 0.2 < noise["circularity"] < 0.7
    assert not {"rqi", "predicted_accuracy", "effective_loss"} & {*values}
    assert Representation().finalize(snapshot_of(module), History()) == {}


def test_sums_modulo_an_even_number_have_no_circularity():
    values = measured(built("task.operation=add_modulo", d_embedding=2), torch.randn(10, 2))
    assert {*values} == {"full_table_accuracy", "effective_dimension"}


def test_later_training_does_not_change_a_recorded_embedding():
    module = built()
    recorded = Embeddings()(snapshot_of(module))["embedding"].values
    before = recorded.clone()
    optimizer = module.configure_optimizers()
    for _ in range(3):
        module.train_step(optimizer)
    assert torch.equal(recorded, before) and not torch.equal(recorded, module.model.token_embedding)


def test_an_embedding_of_many_dimensions_is_recorded_on_its_two_final_principal_axes():
    module, measure, history = built(d_embedding=7, seeds=2), Embeddings(), History()
    for step in range(2):
        with torch.no_grad():
            module.model.token_embedding[:, :, 2] *= 50  # by far the largest at the end
        history.append(step, measure(snapshot_of(module)))
    embedding = measure.finalize(snapshot_of(module), history)["embedding"]
    assert embedding.dims == ("step", "token", "dimension") and embedding.values.shape == (2, 2, 10, 2)
    last = module.model.token_embedding.detach()[..., 2]
    first_axis = embedding.values[:, -1, :, 0]
    pairs = zip(last, first_axis, strict=True)
    correlation = torch.stack([torch.corrcoef(torch.stack(each))[0, 1] for each in pairs])
    torch.testing.assert_close(correlation.abs(), torch.ones(2), rtol=0, atol=1e-3)


@pytest.mark.parametrize("measure", ["representation", "embeddings"])
def test_a_network_without_an_embedding_is_refused_in_one_line(command, measure):
    code, error = command(*TINY, f"measure=[{measure}]")
    assert code == 2 and error.startswith(f"error: measure={measure}: reads") and error.count("\n") == 1
