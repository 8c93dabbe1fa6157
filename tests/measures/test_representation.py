"""What is measured of a representation: of a line put in by hand, of the training set alone, and when it is reached."""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
import torch

from grok.measures.embeddings import Embeddings
from grok.measures.look import Look
from grok.measures.representation import Representation
from grok.records.history import History
from grok.training.build import build
from tests.conftest import TINY, composed

ON_S3 = ("task.operation=compose_s3", "task.n_train=24", "model.combine=matrix_product", "model.d_embedding=9")
TOY = ("task=toy_addition", "model.width=8", "logger=none")


@lru_cache(maxsize=2)
def _composed(*overrides: str) -> dict[str, Any]:
    return composed(*TOY, *overrides)


def made(*overrides: str, d_embedding: int = 1, seeds: int = 1):
    config = _composed(*overrides)
    model = config["model"] | ({"d_embedding": d_embedding} if d_embedding > 1 else {})
    return build([config | {"seed": seed, "model": model} for seed in range(seeds)])[0]


def looked_at(training) -> Look:
    """The replicas as they stand."""
    with torch.no_grad():
        parts = {part: training.evaluate(tables) for part, tables in training.tables.items()}
    return Look(training.step, training.task, training.model, **parts)


def placed(training, embedding: torch.Tensor) -> dict[str, float]:
    """What is measured of the first replica with this embedding."""
    with torch.no_grad():
        training.model.token_embedding[0] = embedding
    return {name: each.values[0].item() for name, each in Representation()(looked_at(training)).items()}


def test_a_line_has_every_parallelogram_and_predicts_all_that_the_training_set_allows():
    training = made(d_embedding=3)
    found = placed(training, torch.arange(10.0).unsqueeze(1) * torch.tensor([1.0, -2.0, 0.5]))
    at_best = Representation().last(looked_at(training), history_of(training))
    assert found["rqi"] == found["rqi_by_distance"] == 1
    assert found["effective_loss"] == pytest.approx(0, abs=1e-9)
    assert found["effective_dimension"] == pytest.approx(1, abs=1e-3)
    assert found["predicted_accuracy"] == at_best["ideal_accuracy"].values[0] >= 51 / 55  # four sums have but one pair
    assert at_best["ideal_rqi"].values[0] == 1 and at_best["nullity"].values[0] == 2


def test_noise_predicts_what_was_learned_by_heart():
    found = placed(made(d_embedding=5), torch.randn(10, 5, generator=torch.Generator().manual_seed(0)))
    assert found["rqi"] == found["rqi_by_distance"] == 0
    assert found["predicted_accuracy"] == pytest.approx(45 / 55)
    assert 2 < found["effective_dimension"] <= 5


def test_the_measured_accuracy_is_that_on_the_table_whatever_the_table_s_place_among_others():
    training = made(seeds=3)
    look = looked_at(training)
    found = Representation()(look)["table_accuracy"].values
    right = torch.cat([look.train.correct, look.test.correct], 1).double().mean(1)
    torch.testing.assert_close(found, right)
    known = [set(each.tolist()) for each in look.train.rows % 55]
    for replica, own in enumerate(known):
        alone = build([_composed() | {"seed": replica}])[1][0]
        assert own == set(alone.train.rows.tolist())


def history_of(training) -> History:
    """A history whose RQI passes .95 at its third look in the first replica."""
    history = History()
    for step, value in ((0, 0.2), (10, 0.9), (20, 0.97), (30, 0.96)):
        row = Representation()(looked_at(training))
        rqi = torch.full_like(row["rqi"].values, 0.1)
        rqi[0] = value
        history.append(step, row | {"rqi": replace(row["rqi"], values=rqi)})
    return history


def test_the_step_is_that_of_the_first_look_and_none_where_there_is_none():
    training = made(seeds=2)
    found = Representation().last(looked_at(training), history_of(training))["rqi_step"].values
    assert found[0] == 20 and math.isnan(found[1])


def test_matrices_that_represent_the_group_have_every_parallelogram():
    training = made(*ON_S3)
    order = torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    found = placed(training, torch.eye(3)[order].flatten(1))
    assert found["rqi"] == 1 and found["predicted_accuracy"] == 1 and "effective_loss" not in found


def test_matrices_that_are_all_one_have_every_parallelogram_too():
    training = made(*ON_S3)
    assert placed(training, torch.randn(9).expand(6, -1))["rqi"] == 1


def test_sums_modulo_p_have_a_ring_in_place_of_parallelograms():
    training = made("task.operation=add_modulo", "task.p=11", d_embedding=3)
    angle = 2 * math.pi * 3 * torch.arange(11) / 11
    ring = torch.stack([angle.cos(), angle.sin(), 0 * angle], dim=1)
    found = placed(training, ring)
    assert found["circularity"] == pytest.approx(1, abs=1e-4)
    assert found["effective_dimension"] == pytest.approx(2, abs=1e-3) and "table_accuracy" in found
    noise = placed(training, torch.randn(11, 3, generator=torch.Generator().manual_seed(0)))
    assert 0.2 < noise["circularity"] < 0.7
    of_lines = {"rqi", "predicted_accuracy", "effective_loss"}
    assert not of_lines & {*found} and Representation().last(looked_at(training), History()) == {}


def test_sums_modulo_an_even_number_have_no_circularity():
    found = placed(made("task.operation=add_modulo", d_embedding=2), torch.randn(10, 2))
    assert {*found} == {"table_accuracy", "effective_dimension"}


def test_an_embedding_is_recorded_as_it_was_at_the_look():
    training = made()
    before = Embeddings()(looked_at(training))["embedding"].values
    kept = before.clone()
    optimizer = training.configure_optimizers()
    for _ in range(3):
        training.take_step(optimizer)
    assert torch.equal(before, kept) and not torch.equal(before, training.model.token_embedding)


def test_of_many_dimensions_the_two_principal_ones_of_the_end_are_recorded():
    training, measure, history = made(d_embedding=7, seeds=2), Embeddings(), History()
    for step in range(2):
        with torch.no_grad():
            training.model.token_embedding[:, :, 2] *= 50  # by far the largest in the end
        history.append(step, measure(looked_at(training)))
    found = measure.last(looked_at(training), history)["embedding"]
    assert found.dims == ("step", "token", "dimension") and found.values.shape == (2, 2, 10, 2)
    last = training.model.token_embedding.detach()[..., 2]
    line = found.values[:, -1, :, 0]
    correlation = torch.stack([torch.corrcoef(torch.stack(each))[0, 1] for each in zip(last, line, strict=True)])
    torch.testing.assert_close(correlation.abs(), torch.ones(2), rtol=0, atol=1e-3)


@pytest.mark.parametrize("measure", ["representation", "embeddings"])
def test_a_network_without_an_embedding_is_refused_in_one_line(command, measure):
    code, said = command(*TINY, f"measure=[performance,{measure}]")
    assert code == 2 and said.startswith(f"error: measure={measure}: reads") and said.count("\n") == 1
