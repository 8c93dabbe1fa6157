"""Every configuration composes and makes its object: a task is one Python file and one YAML, and so is a measure."""

import re

import pytest
import torch

from grok.streams import Streams
from grok.training.build import build
from grok.training.instantiation import instantiate
from tests.conftest import ROOT, composed


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def files_named_by(group: str) -> set[str]:
    """The stems of the Python files that the group's `_target_`s name."""
    texts = [(ROOT / "conf" / group / f"{name}.yaml").read_text() for name in options(group)]
    return {stem for text in texts for stem in re.findall(rf"_target_: grok\.{group}s\.(\w+)\.", text)}


@pytest.mark.parametrize("name", options("task"))
def test_a_task_gives_data_that_its_model_and_loss_take(name):
    training, (data,) = build([composed(f"task={name}")])
    evaluation = training.evaluate(training.tables["test"])
    assert evaluation.loss.shape == (1, len(data.test.rows)) == evaluation.correct.shape
    assert torch.isfinite(evaluation.loss).all()
    assert data.origin.keys() == {"source", "checksum", "split", "why"}


@pytest.mark.parametrize("name", options("task"))
def test_train_and_test_examples_are_apart(name):
    data = instantiate(composed(f"task={name}")["task"], "task").data(Streams(3))
    train, test = ({(id(part.inputs), row) for row in part.rows.tolist()} for part in (data.train, data.test))
    assert train and test and not train & test


@pytest.mark.parametrize("name", options("optimizer"))
def test_an_optimiser_lowers_the_loss(name, run):
    import grok

    loss = grok.load(run(f"optimizer={name}", "optimizer.lr=0.01", "steps=200"))["train_loss"]
    assert loss[-1] < loss[0]


@pytest.mark.parametrize("group", ["task", "model", "measure", "optimizer"])
def test_no_file_of_a_group_is_without_a_configuration(group):
    folder = ROOT / "grok" / f"{group}s"
    parts = {"__init__", "task", "look", "layers", "transformer_layers", "optimizer", "norm_constraint"}
    parts |= {"foreign", "trained_elsewhere"}  # of networks that no configuration makes
    assert {path.stem for path in folder.glob("*.py")} - parts == files_named_by(group) - parts
