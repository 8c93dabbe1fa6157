"""Every configuration composes and makes its object: a task is one Python file and one YAML; so is a measure."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules
from typing import Any

import pytest
import torch

from grok import measures, models, optimizers, tasks
from grok.checks import UserError
from grok.measures.snapshot import Measure
from grok.models.model import Model
from grok.models.spec import NextTokens
from grok.optimizers import transforms
from grok.optimizers.optimizer import OptimizerSettings
from grok.optimizers.transforms.transform import Transform
from grok.random_streams import RandomStreams
from grok.tasks.task import Provenance, Task
from grok.training.build import build
from grok.training.instantiation import instantiate
from tests.conftest import ROOT, composed

BASES = {
    "task": (tasks, Task),
    "model": (models, Model),
    "measure": (measures, Measure),
    "optimizer": (optimizers, OptimizerSettings),
    "optimizer/transform": (transforms, Transform),
}


SMALLER = {"language": ("task.n_documents=300", "task.n_test=64")}


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def task_config(name: str) -> dict[str, Any]:
    """The configuration of a task, with less data if its own take a minute to make."""
    return composed(f"task={name}", *SMALLER.get(name, ()))


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
        module, (data,) = build([task_config(name)])
    evaluation = module.evaluate_on(module.datasets["test"])
    per_token = (module.task.spec.outputs_per_example,) if isinstance(module.task.spec.outputs, NextTokens) else ()
    assert evaluation.loss.shape == (1, len(data.test.indices), *per_token) == evaluation.correct.shape
    assert torch.isfinite(evaluation.loss).all()
    assert isinstance(data.provenance, Provenance) and all(data.provenance.recorded.values())


@pytest.mark.parametrize("name", options("task"))
def test_training_and_test_examples_are_disjoint(name):
    with skipped_without_its_package():
        data = instantiate(task_config(name)["task"], "task").data(RandomStreams(3))
    train, test = ({(id(part.inputs), index) for index in part.indices.tolist()} for part in (data.train, data.test))
    assert train and test and not train & test


@pytest.mark.parametrize("name", options("optimizer"))
def test_an_optimizer_lowers_the_loss(name, run):
    import grok

    loss = grok.load(run(f"optimizer={name}", "optimizer.lr=0.01", "steps=200"))["train_loss"]
    assert loss[-1] < loss[0]


@pytest.mark.parametrize("group", BASES)
def test_every_class_of_a_group_has_a_configuration_of_its_files_name(group):
    package, base = BASES[group]
    modules = [import_module(each.name) for each in iter_modules(package.__path__, f"{package.__name__}.")]
    found = {
        f"{module.__name__}.{name}"
        for module in modules
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, base) and each.__module__ == module.__name__
        if each is not base and not isabstract(each)
    }
    texts = {name: (ROOT / "conf" / group / f"{name}.yaml").read_text() for name in options(group)}
    targets = {name: re.search(r"^_target_: (\S+)|\n  _target_: (\S+)", text, re.M) for name, text in texts.items()}
    named = {name: match[1] or match[2] for name, match in targets.items()}
    assert {*named.values()} == found
    if group in ("measure", "model", "optimizer/transform"):
        assert {name: target.split(".")[-2] for name, target in named.items()} == {name: name for name in named}
