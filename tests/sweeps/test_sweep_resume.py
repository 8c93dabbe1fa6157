"""A sweep that is killed or interrupted at any moment resumes, and ends bit-equal to an uninterrupted one."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

import grok
from grok.records.file_names import CHECKPOINT
from grok.training.checkpoint import PENDING, group_stackable
from tests.conftest import TINY, checkpoint, kept_files
from tests.process import TrainProcess
from tests.sweeps.sweep import EASY, GRID, assert_same_numbers, run_folders


def long(folder: Path, *overrides: str) -> tuple[str, ...]:
    """The arguments of `train.py` for a sweep of four batched runs that saves after every segment."""
    kept = "keep_weights={every:100,last:true,optimizer:true}"
    saved_often = ("steps=1500", "evaluate.per_decade=4", "save_every_seconds=0", kept)
    weak = [f"optimizer.transforms.{name}.amplification=0.1" for name in ("grokfast_ema", "grokfast_ma")]
    with_state = ("+optimizer/transform=[grokfast_ema,grokfast_ma]", *weak)
    return ("-m", *TINY, *GRID[1:], *saved_often, *with_state, f"hydra.sweep.dir={folder}", *overrides)


def test_a_sweep_killed_at_three_random_moments_ends_bit_equal_to_an_uninterrupted_one(tmp_path):
    """Runs leave the batch when they have grokked, at steps 178, 316, 1,000 and 1,000."""
    leaving = ("stop_when_grokked=true", "task.tolerance=0.1", *EASY[:1], "task.thresholds.generalization=0.85")
    uninterrupted = TrainProcess(*long(tmp_path / "uninterrupted", *leaving))
    killed, reached = tmp_path / "killed", 0
    for _ in range(3):
        command = TrainProcess(*long(killed, *leaving))
        further = reached + int.from_bytes(os.urandom(2), "big") % 150 + 50
        print(f"to be killed at step {further}")
        deadline = time.monotonic() + 120
        while reached < further and time.monotonic() < deadline and command.is_running():
            time.sleep(0.02)
            steps = [checkpoint(file.parent)["grok"]["step"] for file in killed.glob(f"*/{CHECKPOINT}")]
            reached = max([reached, *steps])
        command.send(signal.SIGKILL)
        command.wait()
        assert reached < 1000, "killed too late to test anything"
    for command in (TrainProcess(*long(killed, *leaving)), uninterrupted):
        code, output = command.wait(within=300)
        assert code == 0, output
    folders = run_folders(killed)
    assert len(folders) == 4
    for folder in folders:
        assert_same_numbers(folder, tmp_path / "uninterrupted" / folder.name)
        assert kept_files(folder) == kept_files(tmp_path / "uninterrupted" / folder.name) != {}
    assert sorted(checkpoint(folder)["grok"]["step"] for folder in folders) == [178, 316, 1000, 1000]
    assert any(len(json.loads(grok.load(folder).attrs["sessions"])) >= 2 for folder in folders)


class Killed(BaseException):
    """A kill at a moment that a test chooses."""


@pytest.mark.parametrize(("killed_while", "step"), [("write_bytes", 50), ("replace", 60)])
def test_a_kill_between_the_files_of_a_batch_leaves_a_step_that_all_have(
    killed_while, step, command, tmp_path, monkeypatch
):
    """Together with runs at another step, and with the sweep moved afterwards."""
    sweep = ("-m", *TINY, "evaluate={per_decade:1,every:10}", "save_every_seconds=0", "hydra.sweep.dir=sweep")
    assert command(*sweep, "steps=50", "seed=0,1")[0] == 0
    owner = {"write_bytes": grok.training.checkpoint, "replace": Path}[killed_while]
    act, done = getattr(owner, killed_while), []

    def killed_at_the_second_file(path: Path, *rest):
        if path.name == PENDING and done:
            raise Killed
        act(path, *rest)
        done.extend([path] * (path.name == PENDING))

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, killed_while, killed_at_the_second_file)
        command(*sweep, "steps=100", "seed=0,1,2,3")
    assert done
    (tmp_path / "sweep").rename(tmp_path / "moved")
    (first, states), (rest, no_states) = group_stackable([tmp_path / "moved" / name for name in "0123"])
    assert first == [0, 1] and [each["grok"]["step"] for each in states] == [step] * 2
    assert rest == [2, 3] and no_states is None


def test_a_kill_during_the_first_save_leaves_a_batch_without_checkpoints(sweep):
    folders = [sweep / name for name in "01"]
    (folders[0] / CHECKPOINT).rename(folders[0] / PENDING)
    (folders[1] / CHECKPOINT).unlink()
    assert [*group_stackable(folders)] == [([0, 1], None)]


def test_a_signal_ends_a_sweep_cleanly_and_prints_how_to_resume(tmp_path):
    command = TrainProcess(*long(tmp_path / "sweep", "steps=200000"))
    while not (tmp_path / "sweep" / "0" / CHECKPOINT).exists() and command.is_running():
        time.sleep(0.05)
    command.send(signal.SIGINT)
    code, output = command.wait(within=60)
    assert code == 130 and f"hydra.sweep.dir='{tmp_path / 'sweep'}' resumes" in output
    assert "Traceback" not in output


def test_a_signal_between_two_batches_ends_the_sweep(tmp_path):
    """It arrives while the outputs of the first batch are written, when nothing is in training."""
    command = TrainProcess(*long(tmp_path / "sweep", "steps=20,200000", "seed=0,1,2"))
    while not [*tmp_path.glob("sweep/*/summary.json")] and command.is_running():
        time.sleep(0.01)
    command.send(signal.SIGTERM)
    code, output = command.wait(within=60)
    assert code == 143 and "resumes" in output and "Traceback" not in output
