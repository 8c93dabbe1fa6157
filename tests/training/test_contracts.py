"""A task, a model and a measure of a user's own train as those of the suite; what they get wrong is one line."""

import json

import numpy as np
import pytest
import torch

import grok
from grok.checks import UserError
from grok.science.losses import cross_entropy
from grok.sweeps.run import Run
from grok.sweeps.run_dir import acquire_run_dir
from grok.sweeps.train import train_run
from grok.training.build import build
from tests.conftest import TINY, composed

OWN = "tests.training.token_task"


def configuration(*overrides, fault="", measures=()):
    """The configuration of counting with a bigram model, which has no thresholds."""
    return composed(*TINY, "batch_size=null", "optimizer.lr=0.1", "steps=60", *overrides) | {
        "task": {"_target_": f"{OWN}.Counting", "n_tokens": 6, "length": 7, "fault": fault},
        "model": {"_target_": f"{OWN}.Bigram"},
        "measure": {name: {"_target_": f"{OWN}.{name}"} for name in measures},
    }


@pytest.fixture
def train(tmp_path):
    def trained(config, folder="run"):
        with acquire_run_dir(tmp_path / folder, config):
            train_run(Run(config=config, folder=tmp_path / folder, command="a test", resume_with="the same folder"))
        return tmp_path / folder

    return trained


def counted_loss(module, indices, replica=0):
    """The mean loss over the tokens that are not padding, and the number of these tokens."""
    tensors = module.datasets["train"].tensors
    inputs, targets = tensors.inputs[indices], tensors.targets[indices]
    loss = cross_entropy(module.model.table[replica][inputs], targets)
    counts = targets != 0
    return loss[counts].mean(), counts.sum()


def test_the_loss_per_token_is_the_mean_over_the_tokens_that_count():
    module, _ = build([configuration()])
    with torch.no_grad():
        module.model.table.copy_(torch.randn(module.model.table.shape, generator=torch.Generator().manual_seed(0)))
    mean, n_tokens = counted_loss(module, torch.arange(20))
    assert module.losses().item() == pytest.approx(mean.item(), rel=1e-6)
    evaluation = module.evaluate_on(module.datasets["train"])
    assert evaluation.loss.shape == (1, 20, 7) and evaluation.mask.sum() == n_tokens < 140
    assert evaluation.mean(evaluation.loss).item() == pytest.approx(mean.item(), rel=1e-6)


def test_a_task_without_thresholds_has_no_phase_and_learns(train, capsys):
    folder = train(configuration())
    summary, output = json.loads((folder / "summary.json").read_text()), capsys.readouterr().out
    assert summary["test_accuracy"] == 1 and summary["test_loss"] < 0.1
    steps = [key for key in summary if key.startswith(("memorization_step", "generalization_step", "delay"))]
    assert len(steps) == 6 and all(summary[key] is None for key in (*steps, "phase"))
    assert "memorized" not in output and "accuracy" in output
    assert "Memorized" not in (folder / "report.html").read_text()


def test_padding_does_not_change_training(train):
    """The gradient of padding is zero, so its row of the table keeps its initial weights."""
    folder = train(configuration("optimizer.weight_decay=0"))
    table = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]["model.table"]
    assert not table[0, 0].any() and table[0, 1:].any()


def test_a_measure_gets_the_gradients_and_the_optimizers_state(train):
    record = grok.load(train(configuration(measures=["Gradients"])))
    module, _ = build([configuration()])
    mean, _ = counted_loss(module, torch.arange(20))
    (gradient,) = torch.autograd.grad(mean, [module.model.table])
    assert record["train_gradient_norm"].values[0] == pytest.approx(gradient.norm().item(), rel=1e-6)
    assert record["test_gradient_norm"].values[0] > 0
    assert record["moment"].values[0] == 0 < record["moment"].values[1]
    assert record["moment"].values[1] == pytest.approx(0.1 * gradient.norm().item(), rel=1e-6)  # 1 − β₁ after one step


def test_gradients_are_those_of_the_weighted_mean_in_any_chunks(monkeypatch):
    config = composed(
        "task=sparse_parity", "task.n_subtasks=7", "task.n_bits=9", "task.n_test_per_subtask=10", "plot=[]"
    )
    module, _ = build([config | {"measure": {"Gradients": {"_target_": f"{OWN}.Gradients"}}}])
    test = module.datasets["test"]
    inputs, targets = test.gather(test.indices)
    loss = (module.task.example_loss(module.model(inputs), targets) * test.weights).sum()
    expected = torch.autograd.grad(loss, [*module.model.parameters()])
    for size in (11, 4096):
        monkeypatch.setattr("grok.training.evaluation.EVALUATION_EXAMPLES", size)
        monkeypatch.setattr("grok.training.evaluation.MIN_EXAMPLES_PER_REPLICA", size)
        found = module.evaluate_on(test).gradients.values()
        for ours, reference in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, reference.float(), rtol=1e-4, atol=1e-7)


def test_a_run_with_a_regression_tolerance_has_the_delay_by_loss_too(run):
    losses = [f"task.thresholds.{part}_loss=0.05" for part in ("memorization", "generalization")]
    summary = json.loads((run("steps=2000", "optimizer.lr=1e-3", *losses) / "summary.json").read_text())
    record = grok.load(run("steps=2000", "optimizer.lr=1e-3", *losses))
    steps = record["step"].values
    for part, name in (("train", "memorization"), ("test", "generalization")):
        above = np.flatnonzero(record[f"{part}_loss"].values > 0.05)
        assert summary[f"{name}_step_by_loss"] == steps[above[-1] + 1]
    assert summary["delay_by_loss"] == summary["generalization_step_by_loss"] - summary["memorization_step_by_loss"] > 0


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"fault": "loss"},
            r"task: Counting.example_loss returned the shape \[1, 7\]; it must be that of the outputs without",
        ),
        (
            {"fault": "correct"},
            r"task: Counting.is_correct returned the shape \[1, 20\]; it must be that of the loss, \[1, 20, 7\]",
        ),
        ({"fault": "dtype"}, r"task: Counting.is_correct returned torch.int64; it must be torch.bool"),
        ({"fault": "empty"}, r"task: Counting has no test examples"),
        ({"fault": "spec"}, r"task: Counting gives inputs \[example, 6\], but its spec is TokenSequences\("),
        ({"measures": ["Overwrites"]}, r"measure: Overwrites gives test_loss, which is recorded already"),
        ({"measures": ["OneNumber"]}, r"measure: OneNumber gives mean as \[\]; it must be \[replica\]"),
    ],
)
def test_what_breaks_a_contract_is_one_line_at_the_first_evaluation(train, changes, line):
    with pytest.raises(UserError, match=line):
        train(configuration(**changes))


@pytest.mark.parametrize(
    ("outputs", "mask", "line"),
    [
        (
            (1, 20, 7, 1),
            (1, 20, 7),
            r"model: the outputs have the shape \[1, 20, 7, 1\]; for NextTokens\(n=6\) they must",
        ),
        ((1, 1, 7, 6), (1, 20, 7), r"model: the outputs have the shape \[1, 1, 7, 6\]"),
        (
            (1, 20, 7, 6),
            (1, 20),
            r"task: Counting.mask returned the shape \[1, 20\]; it must be that of the loss, \[1, 20, 7",
        ),
    ],
)
def test_shapes_that_torch_would_broadcast_are_one_line(monkeypatch, outputs, mask, line):
    module, _ = build([configuration()])
    monkeypatch.setattr(module.model, "forward", lambda inputs: torch.zeros(outputs))
    monkeypatch.setattr(type(module.task), "mask", lambda self, targets: torch.ones(mask, dtype=torch.bool))
    monkeypatch.setattr(type(module.task), "example_loss", lambda self, outputs, targets: outputs[..., 0])
    with pytest.raises(UserError, match=line):
        module.losses()


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("grok.models.mlp.Mlp", r"model: Mlp reads Vectors or Images, but Counting gives TokenSequences\("),
        (
            "grok.models.lstm.Lstm",
            r"model: Lstm gives Values or Classes or BinaryClass, but Counting needs NextTokens\(n=6\); these models",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_one_line(model, line):
    with pytest.raises(UserError, match=line):
        build([configuration() | {"model": {"_target_": model}}])


def test_stopping_needs_thresholds():
    with pytest.raises(UserError, match="stop_when_grokked=true: this task has no thresholds"):
        build([configuration("stop_when_grokked=true")])
