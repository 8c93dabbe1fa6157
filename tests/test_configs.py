"""Every configuration composes and makes its object: a task is one Python file and one YAML; so is a measure."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from grok.checks import UserError
from grok.random_streams import RandomStreams
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
    """Skip a task whose data package is not installed."""
    try:
        yield
    except UserError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize("name", options("task"))
def test_a_tasks_data_fit_its_model_and_loss(name):
    with skipped_without_its_package():
        module, (data,) = build([composed(f"task={name}")])
    evaluation = module.evaluate_on(module.datasets["test"])
    assert evaluation.loss.shape == (1, len(data.test.indices)) == evaluation.correct.shape
    assert torch.isfinite(evaluation.loss).all()
    assert data.provenance.keys() == {"source", "checksum", "split", "message"}


@pytest.mark.parametrize("name", options("task"))
def test_training_and_test_examples_are_disjoint(name):
    with skipped_without_its_package():
        data = instantiate(composed(f"task={name}")["task"], "task").data(RandomStreams(3))
    train, test = ({(id(part.inputs), index) for index in part.indices.tolist()} for part in (data.train, data.test))
    assert train and test and not train & test


@pytest.mark.parametrize("name", options("optimizer"))
def test_an_optimizer_lowers_the_loss(name, run):
    import grok

    loss = grok.load(run(f"optimizer={name}", "optimizer.lr=0.01", "steps=200"))["train_loss"]
    assert loss[-1] < loss[0]


@pytest.mark.parametrize("group", ["task", "model", "measure", "optimizer"])
def test_every_file_of_a_group_has_a_configuration(group):
    folder = ROOT / "grok" / f"{group}s"
    exempt = {"__init__", "task", "model", "spec", "snapshot", "optimizer", "norm_constraint"}
    exempt |= {"layers", "attention", "transformer_block", "transformer_layers"}  # parts of models
    exempt |= {"addition", "circuit_over_steps", "quanta_samples"}  # parts of measures
    exempt |= {"pretrained", "weight_files"}  # networks that no configuration makes
    assert {path.stem for path in folder.glob("*.py")} - exempt == files_named_by(group) - exempt
