"""Every configuration composes and makes its object: a task is one Python file and one YAML, and so is a measure."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from grok.checks import UserError
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


@contextmanager
def skipped_without_its_package() -> Iterator[None]:
    """Skip a task whose data are in a package that is not installed, by the line that says so."""
    try:
        yield
    except UserError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize("name", options("task"))
def test_a_task_gives_data_that_its_model_and_loss_take(name):
    with skipped_without_its_package():
        training, (data,) = build([composed(f"task={name}")])
    evaluation = training.evaluate(training.tables["test"])
    assert evaluation.loss.shape == (1, len(data.test.rows)) == evaluation.correct.shape
    assert torch.isfinite(evaluation.loss).all()
    assert data.origin.keys() == {"source", "checksum", "split", "why"}


@pytest.mark.parametrize("name", options("task"))
def test_train_and_test_examples_are_apart(name):
    with skipped_without_its_package():
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
    parts |= {"addition", "circuit_over_steps"}  # what measures of modular addition share, and a part of one
    parts |= {"foreign", "trained_elsewhere"}  # of networks that no configuration makes
    parts |= {"quanta_samples"}  # what quanta discovery compares
    assert {path.stem for path in folder.glob("*.py")} - parts == files_named_by(group) - parts
