"""A run that is killed or interrupted at any moment resumes, and ends bit-equal to an uninterrupted one."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
import yaml

import grok
from grok.checks import UserError
from tests.conftest import TINY, checkpoint, kept_files, trained_in
from tests.process import TrainProcess

STEPS = 2000
TRANSFORMS = "+optimizer/transform=[grokfast_ema,grokfast_ma,norm_constraint]"  # all with state
KEPT = "keep_weights={per_decade:2,every:150,last:true,optimizer:true}"
SAVED_OFTEN = (f"steps={STEPS}", "evaluate.per_decade=4", "save_every_seconds=0", TRANSFORMS, KEPT)  # each segment


def start(folder: Path) -> TrainProcess:
    """The run of `TINY` in its own process, saving after every segment."""
    return TrainProcess(*TINY, *SAVED_OFTEN, f"hydra.run.dir={folder}")


def wait_for_checkpoint(command: TrainProcess, folder: Path, *, steps: int) -> None:
    """Wait until the checkpoint in the folder has at least this many steps."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and command.is_running():
        if (folder / "last.ckpt").exists() and checkpoint(folder)["grok"]["step"] >= steps:
            return
        time.sleep(0.02)
    raise AssertionError(f"no checkpoint of step {steps}: {command.wait(within=0)}")


def assert_bit_equal(one: Path, other: Path) -> None:
    """Two runs have the same weights, optimizer state, record and files of kept weights."""
    first, second = checkpoint(one), checkpoint(other)
    assert first["grok"]["step"] == second["grok"]["step"] == STEPS
    for name, weight in first["state_dict"].items():
        assert torch.equal(weight, second["state_dict"][name]), name
    states = [each["optimizer_states"][0]["state"] for each in (first, second)]
    for index, state in states[0].items():
        assert all(torch.equal(value, states[1][index][name]) for name, value in state.items())
    assert grok.load(one).drop_attrs().identical(grok.load(other).drop_attrs())
    assert kept_files(one) == kept_files(other) and len(kept_files(one)) == 2 * 22


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    code, output = start(folder).wait(within=200)
    assert code == 0, output
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A finished run of 20 steps, made once."""
    return trained_in(tmp_path_factory.mktemp("made") / "run", *TINY, "steps=20")


@pytest.fixture
def short(made, tmp_path) -> Path:
    """A copy of that run in the folder that `run` uses."""
    return shutil.copytree(made, tmp_path / "run")


def test_a_run_killed_at_a_random_step_resumes_bit_for_bit(uninterrupted, tmp_path, run):
    at = int.from_bytes(os.urandom(2), "big") % 900 + 100
    command = start(tmp_path / "run")
    wait_for_checkpoint(command, tmp_path / "run", steps=at)
    command.send(signal.SIGKILL)
    command.wait()
    assert checkpoint(tmp_path / "run")["grok"]["step"] < STEPS, "killed too late to test anything"
    grok.load(tmp_path / "run")  # the record is complete at any moment
    assert_bit_equal(run(*SAVED_OFTEN), uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_cleanly_and_it_resumes_bit_for_bit(uninterrupted, tmp_path, run, number):
    command = start(tmp_path / "run")
    wait_for_checkpoint(command, tmp_path / "run", steps=150)
    command.send(number)
    code, output = command.wait(within=60)
    assert code == 128 + number
    assert "resumes" in output and "Traceback" not in output
    stopped_at = checkpoint(tmp_path / "run")["grok"]["step"]
    assert f"stopped at step {stopped_at:,} of {STEPS:,}" in output
    assert_bit_equal(run(*SAVED_OFTEN), uninterrupted)


def test_a_finished_run_is_not_trained_again_and_can_be_extended(run):
    folder = run("steps=30")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    run("steps=30")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    run("steps=50")
    straight = run("steps=50", folder="straight")
    assert sorted(set(grok.load(folder)["step"].values) - set(grok.load(straight)["step"].values)) == [30]
    for name, weight in checkpoint(straight)["state_dict"].items():
        assert torch.equal(weight, checkpoint(folder)["state_dict"][name])
    assert yaml.safe_load((folder / "config.yaml").read_text())["steps"] == 50


def test_a_run_with_dropout_resumes_bit_for_bit(tmp_path):
    small = (
        "task=modular_addition",
        "task.p=7",
        "model.width=12",
        "model.heads=3",
        "model.d_mlp=10",
        "model.dropout=0.2",
    )
    small = (*small, "logger=none", "measure=[]", "plot=[]", "evaluate.every=null")
    for steps in (10, 20):
        trained_in(tmp_path / "resumed", *small, f"steps={steps}")
    resumed, straight = (
        checkpoint(each) for each in (tmp_path / "resumed", trained_in(tmp_path / "straight", *small, "steps=20"))
    )
    assert resumed["grok"]["step"] == straight["grok"]["step"] == 20
    for name, weight in straight["state_dict"].items():
        assert torch.equal(weight, resumed["state_dict"][name]), name


def test_a_run_that_stopped_because_it_grokked_stays_stopped(run):
    easy = (
        "stop_when_grokked=true",
        "task.tolerance=0.2",
        "task.thresholds.generalization=0.5",
        "evaluate.per_decade=1",
    )
    folder = run("steps=5000", *easy)
    stopped_at = checkpoint(folder)["grok"]["step"]
    (folder / "summary.json").unlink()  # as if killed between the last checkpoint and the summary
    run("steps=5000", *easy)
    assert checkpoint(folder)["grok"]["step"] == stopped_at
    assert 0 < stopped_at < 5000


def test_an_extension_that_fails_leaves_the_run_finished(no_account, short, run, tmp_path):
    before = {path.name: path.read_bytes() for path in short.iterdir() if path.suffix != ".ckpt"}
    with pytest.raises(UserError, match="not logged in to W&B"):
        run("steps=40", "logger=wandb", f"logger.dir={tmp_path}", "logger.mode=online")
    assert {name: (short / name).read_bytes() for name in before} == before


def test_a_run_does_not_resume_on_other_data(short, run):
    (short / "summary.json").unlink()
    state = checkpoint(short)
    state["grok"]["data"]["checksum"] = "another"
    torch.save(state, short / "last.ckpt")
    with pytest.raises(UserError, match=r"last\.ckpt: this run was started on other data"):
        run("steps=20")


def test_the_record_has_every_session(short, run):
    sessions = json.loads(grok.load(run("steps=40")).attrs["sessions"])
    assert [session["from_step"] for session in sessions] == [0, 20]


def test_a_record_without_its_checkpoint_is_not_overwritten(short, run):
    (short / "last.ckpt").unlink()
    with pytest.raises(UserError, match=r"last\.ckpt: missing"):
        run("steps=40")


def test_a_diverged_run_ends_with_all_its_files(run):
    folder = run("optimizer=sgd", "optimizer.lr=1e30", "steps=30")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["train_loss"] is None and (folder / "figure.png").exists() and (folder / "report.html").exists()


def test_another_configuration_does_not_touch_a_run(short, run):
    content = (short / "last.ckpt").read_bytes()
    with pytest.raises(UserError, match=r"optimizer.lr=0.5: the run in .* was made with optimizer.lr=0.0003"):
        run("steps=20", "optimizer.lr=0.5")
    with pytest.raises(UserError, match=r"steps=10: .* was made with steps=20"):
        run("steps=10")
    with pytest.raises(UserError, match=r"keep_weights.every=5: .* was made with keep_weights.every=null; choose"):
        run("steps=40", "keep_weights.every=5")
    with pytest.raises(UserError, match="stop_when_grokked=true: the run in"):
        run("steps=20", "stop_when_grokked=true")
    with pytest.raises(UserError, match=r"evaluate.every=5: .* was made with evaluate.every=null"):
        run("steps=20", "stop_when_overfit=10", "evaluate.every=5")
    config = (short / "config.yaml").read_text()  # of a version without one key, then with another key
    for other, line in {
        config.replace(
            "products: auto\n", ""
        ): "products=auto: the run in .* was made without products; choose another",
        config + "color: red\n": "~color: the run in .* was made with color=red; choose another hydra.run.dir",
    }.items():
        (short / "config.yaml").write_text(other)
        with pytest.raises(UserError, match=f"^{line}"):
            run("steps=20")
    assert (short / "last.ckpt").read_bytes() == content


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
def test_a_damaged_checkpoint_is_named_and_kept(short, run, damage):
    (short / "summary.json").unlink()
    content = (short / "last.ckpt").read_bytes()
    damaged = {"text": b"no checkpoint", "cut": content[:5000], "empty": b""}[damage]
    (short / "last.ckpt").write_bytes(damaged)
    line = r"last\.ckpt: cannot be read as a checkpoint \(.*\)"
    with pytest.raises(UserError, match=f"{line}; choose another hydra.run.dir$"):
        run("steps=20")
    with pytest.raises(UserError, match=f"{line}$"):
        grok.load_model(short)
    assert (short / "last.ckpt").read_bytes() == damaged
