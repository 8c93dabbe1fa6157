"""Batched runs equal the runs alone, and an error in one run fails that run only."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import grok
from grok.sweeps.run import Run
from grok.sweeps.schedule import group_into_batches
from grok.training.checkpoint import Checkpoint, ReplicaCheckpoints
from grok.training.module import ReplicaModule
from grok.training.progress import Progress
from tests.conftest import TINY, checkpoint, composed
from tests.sweeps.sweep import GRID, GROKS, SWEEP, assert_same_final_weights, assert_same_numbers, run_folders


def a_run(folder: Path, *overrides: str) -> Run:
    return Run(config=composed(*TINY, *overrides), folder=folder, command="", resume_with="")


def test_a_batched_run_equals_the_run_alone(sweep, run, tmp_path):
    for number, swept in {0: (0.5, 0, 0), 3: (0.5, 1, 1), 6: (4, 1, 0)}.items():
        keys = [f"{key.split('=')[0]}={value}" for key, value in zip(GRID, swept, strict=True)]
        alone, batched = run("steps=100", *keys, folder=f"alone{number}"), tmp_path / "sweep" / str(number)
        files = {path.name for path in alone.iterdir()} - {"figure.pdf"}
        assert {path.name for path in batched.iterdir()} == files >= {"record.nc", "summary.json", "report.html"}
        assert (batched / "config.yaml").read_text() == (alone / "config.yaml").read_text()
        assert_same_numbers(batched, alone, rtol=1e-3, atol=1e-4)


def test_a_batched_run_can_continue_alone_and_in_another_batch(sweep, command, run, tmp_path):
    """The state of per-replica optimizers fits torch's optimizer, and the other way around."""
    (tmp_path / "sweep" / "3").rename(tmp_path / "alone")
    keys = ("init_scale=0.5", "optimizer.weight_decay=1", "seed=1")
    extended, straight = run("steps=150", *keys, folder="alone"), run("steps=150", *keys, folder="straight")
    assert_same_final_weights(extended, straight)
    assert command(*SWEEP[:-1], "steps=150", "hydra.sweep.dir=sweep")[0] == 0
    assert all(checkpoint(folder)["grok"]["step"] == 150 for folder in run_folders(tmp_path / "sweep"))
    assert_same_final_weights(tmp_path / "sweep" / "3", straight)


@pytest.mark.parametrize(
    ("change", "can_be_batched"),
    [
        ("seed=1", True),
        ("init_scale=3", True),
        ("optimizer.betas=[0.9,0.98]", True),
        ("+optimizer.param_groups.last_layer.lr=0.1", False),  # one run has the group and the other does not
        ("task.teacher_width=7", True),
        ("task.tolerance=0.1", False),
        ("model.width=17", False),
        ("optimizer=sgd", False),
        ("steps=11", False),
    ],
)
def test_runs_are_batched_if_they_differ_in_per_replica_keys_only(change, can_be_batched, tmp_path):
    pair = [a_run(tmp_path), a_run(tmp_path, change)]
    assert len(group_into_batches(pair, max_runs=None)) == (1 if can_be_batched else 2)


def test_hyperparameters_of_parameter_groups_are_per_replica_keys(tmp_path):
    pair = [a_run(tmp_path, f"+optimizer.param_groups.last_layer.lr={lr}") for lr in (0.1, 0.2)]
    assert len(group_into_batches(pair, max_runs=None)) == 1


def test_a_batch_is_split_evenly(command):
    assert command(*SWEEP, "hydra.launcher.max_replicas=3", "steps=5")[0] == 0
    assert "8 runs (batches of 3 + 3 + 2)" in command.output
    code, error = command(*SWEEP, "hydra.launcher.max_replicas=0")
    assert code == 2 and error.startswith("error: hydra.launcher.max_replicas=0: must be an integer of at least 1")
    code, error = command(*SWEEP, "hydra.launcher.job=pair")
    assert code == 2 and "hydra.launcher.job=pair: must be one of batch, run" in error


def test_a_run_that_diverges_or_is_misconfigured_fails_alone(command, run, tmp_path):
    sweep = ("-m", *TINY, "steps=60", "optimizer=sgd", "hydra.sweep.dir=sweep")
    assert command(*sweep, "optimizer.lr=0.01,1e30,-1,0.02")[0] == 1
    assert "failed: 1: diverged: the loss at step" in command.output
    assert "failed: 2: optimizer.lr=-1: must be a number at least 0" in command.output
    alone = run("steps=60", "optimizer=sgd", "optimizer.lr=0.02")
    assert_same_numbers(tmp_path / "sweep" / "3", alone, rtol=1e-3, atol=1e-4)
    assert "diverged" in (tmp_path / "sweep" / "1" / "error.txt").read_text()
    diverged = grok.load(tmp_path / "sweep" / "1")
    assert np.isfinite(diverged["train_loss"][:-1]).all() and not np.isfinite(diverged["train_loss"][-1])
    table = (tmp_path / "sweep" / "summary.csv").read_text().splitlines()
    assert [line.split(",")[2] for line in table[1:]] == ["done", "failed", "failed", "done"]
    assert command(*sweep, "optimizer.lr=0.01,1e30,-1,0.02")[0] == 1  # again: finished runs are skipped
    assert [line.split() for line in command.output.splitlines() if "skipped" in line] == [["skipped", "2"]]


def test_after_an_error_in_a_batch_the_runs_continue_alone_in_the_same_session(command, tmp_path, monkeypatch):
    train_step, skipped = ReplicaModule.train_step, []

    def fails_if_batched(module: ReplicaModule, optimizer: torch.optim.Optimizer) -> None:
        if module.step == 150 and len(module.replicas) > 1:
            raise RuntimeError("too little memory")
        train_step(module, optimizer)

    monkeypatch.setattr(ReplicaModule, "train_step", fails_if_batched)
    monkeypatch.setattr(Progress, "skip", lambda progress, steps, runs=0: skipped.append(steps))
    sweep = ("-m", *TINY, "steps=200", "save_every_seconds=0", "seed=0,1", "hydra.sweep.dir=sweep")
    assert command(*sweep)[0] == 0
    sessions = [json.loads(grok.load(folder).attrs["sessions"]) for folder in run_folders(tmp_path / "sweep")]
    assert [[(each["from_step"], each["n_batched"]) for each in run] for run in sessions] == [[(0, 1)], [(0, 1)]]
    assert not any(skipped)  # steps before the error count once
    assert command.output.count("training and 20 test inputs") == 1


def test_a_grokked_run_leaves_the_batch_and_the_others_continue(command, run, tmp_path):
    assert command("-m", *TINY, *GROKS, "optimizer.lr=0.001,0.003,0", "hydra.sweep.dir=sweep")[0] == 0
    steps = [checkpoint(folder)["grok"]["step"] for folder in run_folders(tmp_path / "sweep")]
    assert min(steps[:2]) > 0 and max(steps[:2]) < 300 == steps[2]
    assert_same_numbers(tmp_path / "sweep" / "1", run(*GROKS, "optimizer.lr=0.003"), rtol=1e-3, atol=1e-4)


def test_continuing_from_memory_equals_continuing_from_files(command, tmp_path, monkeypatch):
    sweep = ("-m", *TINY, *GROKS, "optimizer.lr=0.001,0.003,0")
    assert command(*sweep, "hydra.sweep.dir=memory")[0] == 0
    read = []

    def from_files(checkpoints: ReplicaCheckpoints, replicas: list[int]) -> list[Checkpoint]:
        read.extend(replicas)
        return [checkpoint(checkpoints.folders[replica]) for replica in replicas]

    monkeypatch.setattr(ReplicaCheckpoints, "take_states", from_files)
    assert command(*sweep, "hydra.sweep.dir=files")[0] == 0 and read
    for name in "012":
        one, other = (checkpoint(tmp_path / folder / name) for folder in ("memory", "files"))
        assert all(torch.equal(one["state_dict"][key], other["state_dict"][key]) for key in one["state_dict"])
        last = grok.load(tmp_path / "memory" / name)["step"].values[-1]
        assert one["grok"]["step"] == other["grok"]["step"] == last


def test_runs_at_different_steps_train_separately_until_they_are_done(command, run, tmp_path):
    run("steps=50", "seed=0", folder="sweep/0")
    assert command("-m", *TINY, "steps=100", "seed=0,1", "hydra.sweep.dir=sweep")[0] == 0
    assert [checkpoint(folder)["grok"]["step"] for folder in run_folders(tmp_path / "sweep")] == [100, 100]


def test_a_sweep_through_joblib_is_the_same_sweep(made, command, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="pip install -e '.[joblib]'")
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.launcher.max_replicas=4")
    assert command(*SWEEP, *joblib)[0] == 0
    for folder in run_folders(made):
        assert_same_numbers(tmp_path / "sweep" / folder.name, folder, rtol=1e-3, atol=1e-4)
    assert (tmp_path / "sweep" / "sweep.nc").exists()


def test_optuna_minimizes_over_batched_trials(command, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="pip install -e '.[optuna]'")
    sampler = (
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=8",
        "hydra.sweeper.n_jobs=4",
        "hydra.sweeper.sampler.seed=0",
    )
    swept = "optimizer.lr=tag(log, interval(1e-6, 1e-2))"
    assert command("-m", *TINY, "steps=100", *sampler, swept, "hydra.sweep.dir=sweep")[0] == 0
    assert command.output.count("4 runs (batches of 4)") == 2
    losses = [json.loads((each / "summary.json").read_text())["test_loss"] for each in run_folders(tmp_path / "sweep")]
    assert len(losses) == 8
    best = (tmp_path / "sweep" / "optimization_results.yaml").read_text()
    assert float(best.split("best_value:")[1].split()[0]) == pytest.approx(min(losses), rel=1e-6)
