"""Cells side by side are the cells alone; a sweep goes on where it was left, and one cell's failure is its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import grok
from grok.records.names import LAST
from grok.sweeps.cell import Cell
from grok.sweeps.folder import locked
from grok.sweeps.plan import units_of
from grok.training.checkpoint import NEXT, Checkpoint, ReplicaCheckpoints, standings
from tests.conftest import ROOT, TINY, checkpoint, composed
from tests.process import Command

GRID = ("init_scale=0.5,4", "optimizer.weight_decay=0,1", "seed=0,1")
SWEEP = ("-m", *TINY, "steps=100", *GRID, "hydra.sweep.dir=sweep")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint(folder)["state_dict"]


def cells(sweep: Path) -> list[Path]:
    return sorted(path.parent for path in sweep.glob("*/config.yaml"))


def assert_same_numbers(one: Path, other: Path, **tolerance: float) -> None:
    """Weights and records, to a tolerance; none: bit for bit."""
    first, second = (torch.cat([each.flatten() for each in weights(path).values()]) for path in (one, other))
    torch.testing.assert_close(first, second, **tolerance or dict(rtol=0, atol=0))
    ours, theirs = (grok.load(path).drop_attrs() for path in (one, other))
    assert ours["step"].equals(theirs["step"])
    for name in ("train_loss", "test_loss", "weight_norm"):
        np.testing.assert_allclose(ours[name], theirs[name], **tolerance or dict(rtol=0, atol=0))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The sweep `SWEEP`, made once."""
    import train
    from grok.command_line import run

    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["train.py", *SWEEP])
        assert run(train.main, config_folder=train.CONF) == 0
    return folder / "sweep"


@pytest.fixture
def sweep(made, tmp_path) -> Path:
    """A copy of that sweep in the test's own folder."""
    return shutil.copytree(made, tmp_path / "sweep")


def test_a_sweeps_cells_are_as_if_each_had_been_run_alone(sweep, run, tmp_path):
    for number, swept in {0: (0.5, 0, 0), 3: (0.5, 1, 1), 6: (4, 1, 0)}.items():
        keys = [f"{key.split('=')[0]}={value}" for key, value in zip(GRID, swept, strict=True)]
        alone, together = run("steps=100", *keys, folder=f"alone{number}"), tmp_path / "sweep" / str(number)
        files = {path.name for path in alone.iterdir()} - {"figure.pdf"}
        assert {path.name for path in together.iterdir()} == files >= {"record.nc", "summary.json", "report.html"}
        assert (together / "config.yaml").read_text() == (alone / "config.yaml").read_text()
        assert_same_numbers(together, alone, rtol=1e-3, atol=1e-4)


def test_a_cell_goes_on_alone_and_in_other_company(sweep, command, run, tmp_path):
    """What a cell gathered beside cells of other rates serves torch's optimiser, and the other way about."""
    (tmp_path / "sweep" / "3").rename(tmp_path / "alone")
    keys = ("init_scale=0.5", "optimizer.weight_decay=1", "seed=1")
    prolonged, straight = run("steps=150", *keys, folder="alone"), run("steps=150", *keys, folder="straight")
    assert_same_numbers_at_the_end(prolonged, straight)
    assert command(*SWEEP[:-1], "steps=150", "hydra.sweep.dir=sweep")[0] == 0
    assert all(checkpoint(cell)["grok"]["step"] == 150 for cell in cells(tmp_path / "sweep"))
    assert_same_numbers_at_the_end(tmp_path / "sweep" / "3", straight)


def assert_same_numbers_at_the_end(one: Path, other: Path) -> None:
    for name, ours in weights(one).items():
        torch.testing.assert_close(ours, weights(other)[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ("seed=1", True),
        ("init_scale=3", True),
        ("optimizer.betas=[0.9,0.98]", True),
        ("+optimizer.parts.last_layer.lr=0.1", False),  # one has the part and the other has not
        ("task.teacher_width=7", True),
        ("task.tolerance=0.1", False),
        ("model.width=17", False),
        ("optimizer=sgd", False),
        ("steps=11", False),
    ],
)
def test_cells_are_side_by_side_when_they_differ_in_what_is_a_replicas_own(change, alike, tmp_path):
    one, other = (
        Cell(config=composed(*TINY, *changes), folder=tmp_path, command="", again="") for changes in ((), (change,))
    )
    assert len(units_of([one, other], most=None)) == (1 if alike else 2)


def test_parts_with_rates_of_their_own_are_side_by_side(tmp_path):
    pair = [
        Cell(config=composed(*TINY, f"+optimizer.parts.last_layer.lr={lr}"), folder=tmp_path, command="", again="")
        for lr in (0.1, 0.2)
    ]
    assert len(units_of(pair, most=None)) == 1


def test_a_group_is_split_evenly(command, tmp_path):
    assert command(*SWEEP, "hydra.launcher.max_replicas=3", "steps=5")[0] == 0
    assert "8 cells (3 + 3 + 2 side by side)" in command.output
    code, said = command(*SWEEP, "hydra.launcher.max_replicas=0")
    assert code == 2 and said.startswith("error: hydra.launcher.max_replicas=0: must be a whole number of at least 1")
    code, said = command(*SWEEP, "hydra.launcher.unit=pair")
    assert code == 2 and "hydra.launcher.unit=pair: must be one of group, cell" in said


def test_a_cell_that_diverges_or_is_wrong_fails_alone(command, run, tmp_path):
    sweep = ("-m", *TINY, "steps=60", "optimizer=sgd", "hydra.sweep.dir=sweep")
    assert command(*sweep, "optimizer.lr=0.01,1e30,-1,0.02")[0] == 1
    assert "failed: 1: diverged: the loss at step" in command.output
    assert "failed: 2: optimizer.lr=-1: must be a number at least 0" in command.output
    assert_same_numbers(
        tmp_path / "sweep" / "3", run("steps=60", "optimizer=sgd", "optimizer.lr=0.02"), rtol=1e-3, atol=1e-4
    )
    assert "diverged" in (tmp_path / "sweep" / "1" / "error.txt").read_text()
    diverged = grok.load(tmp_path / "sweep" / "1")
    assert np.isfinite(diverged["train_loss"][:-1]).all() and not np.isfinite(diverged["train_loss"][-1])
    table = (tmp_path / "sweep" / "summary.csv").read_text().splitlines()
    assert [line.split(",")[2] for line in table[1:]] == ["done", "failed", "failed", "done"]
    assert command(*sweep, "optimizer.lr=0.01,1e30,-1,0.02")[0] == 1  # again: what is done is skipped
    assert [line.split() for line in command.output.splitlines() if "skipped" in line] == [["skipped", "2"]]


EASY = [f"task.thresholds.{part}=0.5" for part in ("memorization", "generalization")]
GROKS = ("steps=300", "stop_when_grokked=true", "task.tolerance=0.1", "looks.per_decade=5", *EASY)


def test_a_cell_that_has_grokked_leaves_and_the_others_go_on(command, run, tmp_path):
    assert command("-m", *TINY, *GROKS, "optimizer.lr=0.001,0.003,0", "hydra.sweep.dir=sweep")[0] == 0
    steps = [checkpoint(cell)["grok"]["step"] for cell in cells(tmp_path / "sweep")]
    assert min(steps[:2]) > 0 and max(steps[:2]) < 300 == steps[2]
    assert_same_numbers(tmp_path / "sweep" / "1", run(*GROKS, "optimizer.lr=0.003"), rtol=1e-3, atol=1e-4)


def test_what_goes_on_from_memory_goes_on_as_from_its_files(command, tmp_path, monkeypatch):
    sweep = ("-m", *TINY, *GROKS, "optimizer.lr=0.001,0.003,0")
    assert command(*sweep, "hydra.sweep.dir=memory")[0] == 0
    read = []

    def from_files(own: ReplicaCheckpoints, replicas: list[int]) -> list[Checkpoint]:
        read.extend(replicas)
        return [checkpoint(own.folders[replica]) for replica in replicas]

    monkeypatch.setattr(ReplicaCheckpoints, "hand_over", from_files)
    assert command(*sweep, "hydra.sweep.dir=files")[0] == 0 and read
    for name in "012":
        ours, theirs = (checkpoint(tmp_path / folder / name) for folder in ("memory", "files"))
        assert all(torch.equal(ours["state_dict"][key], theirs["state_dict"][key]) for key in ours["state_dict"])
        last = grok.load(tmp_path / "memory" / name)["step"].values[-1]
        assert ours["grok"]["step"] == theirs["grok"]["step"] == last


def test_the_same_command_runs_what_is_missing(sweep, command, tmp_path):
    for path in (tmp_path / "sweep" / "5").iterdir():
        path.unlink()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").glob("[!5]/*")}
    assert command(*SWEEP)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").glob("[!5]/*")} == before
    assert (tmp_path / "sweep" / "5" / "summary.json").exists()


def test_a_sweep_is_one_dataset_over_its_keys(sweep, tmp_path):
    dataset = grok.load(tmp_path / "sweep")
    assert dataset["test_loss"].dims == ("init_scale", "optimizer.weight_decay", "seed", "step")
    assert dataset["layer_weight_norm"].dims[-1] == "layer" and dataset["phase"].dtype.kind == "U"
    own = dataset.sel({"init_scale": 4, "optimizer.weight_decay": 1, "seed": 0})
    record = grok.load(tmp_path / "sweep" / "6")
    assert own["test_loss"].values.tolist() == record["test_loss"].values.tolist()
    (tmp_path / "sweep" / "sweep.nc").unlink()  # as while it runs
    assert grok.load(tmp_path / "sweep")["test_loss"].equals(dataset["test_loss"])


def test_a_sweep_can_be_extended_in_its_folder(sweep, command, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in sweep.glob("*/*")}
    assert command(*SWEEP[:-2], "seed=0,1,2", "hydra.sweep.dir=sweep")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    dataset = grok.load(sweep)
    assert dataset["seed"].values.tolist() == [0, 1, 2] and dataset["finished"].all()
    for cell in cells(sweep):
        config = json.loads(grok.load(cell).attrs["config"])
        place = {"init_scale": config["init_scale"], "seed": config["seed"]}
        own = dataset.sel({**place, "optimizer.weight_decay": config["optimizer"]["weight_decay"]})
        assert own["test_loss"].values.tolist() == grok.load(cell)["test_loss"].values.tolist()


def test_a_sweep_over_other_keys_is_refused_in_its_folder(sweep, command):
    before = (sweep / "sweep.json").read_bytes()
    code, said = command("-m", *TINY, "steps=100", "init_scale=0.5,4", "seed=0,1", "hydra.sweep.dir=sweep")
    assert code == 2 and "holds a sweep over" in said and "choose another folder" in said
    assert (sweep / "sweep.json").read_bytes() == before


def test_measures_whose_axes_differ_from_cell_to_cell_share_one_dataset(command, tmp_path):
    assert command("-m", *TINY, "steps=3", "model.depth=2,3", "hydra.sweep.dir=sweep")[0] == 0
    norms = grok.load(tmp_path / "sweep")["layer_weight_norm"].isel(step=-1)
    assert norms["layer"].values.tolist() == ["layers.0", "layers.1", "layers.2"]
    assert np.isnan(norms.sel({"model.depth": 2, "layer": "layers.2"})) and norms.notnull().sum() == 5


def test_two_cells_in_one_folder_are_refused(command):
    code, said = command("-m", *TINY, "steps=3", "seed=0,1", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=same")
    assert code == 2 and said.startswith("error: hydra.sweep.subdir: two cells would share the folder same")


def test_a_second_process_in_a_sweeps_folder_is_refused_and_harms_nothing(sweep, command, tmp_path):
    before = {path: path.read_bytes() for path in sweep.rglob("*") if path.is_file()}
    with locked(sweep, key="hydra.sweep.dir"):
        code, said = command(*SWEEP)
    assert code == 2 and "hydra.sweep.dir=" in said and "another process is training there" in said
    after = {path: path.read_bytes() for path in sweep.rglob("*") if path.is_file()}
    assert {path for path in before if before[path] != after[path]} <= {sweep / "multirun.yaml"}


def test_values_that_fill_no_grid_lie_along_the_cells(tmp_path, run):
    from grok.records.sweep import write_manifest

    manifest = {}
    for number in range(4):
        folder = run("steps=3", f"init_scale={1 + number}", f"optimizer.lr=0.0{1 + number}", folder=f"sweep/{number}")
        manifest[folder.name] = {"init_scale": 1 + number, "optimizer.lr": 0.01 * number, "seed": number}
    write_manifest(tmp_path / "sweep", manifest)
    dataset = grok.load(tmp_path / "sweep")
    assert dataset["test_loss"].dims == ("cell", "step") and dataset["init_scale"].values.tolist() == [1, 2, 3, 4]


def long(folder: Path, *overrides: str) -> tuple[str, ...]:
    """What is given to `train.py` for a sweep of four cells side by side that saves after every segment."""
    saved_often = ("steps=1500", "looks.per_decade=4", "save_every_seconds=0")
    return ("-m", *TINY, *GRID[1:], *saved_often, f"hydra.sweep.dir={folder}", *overrides)


def test_a_sweep_killed_at_three_random_moments_ends_bit_for_bit_as_if_it_had_not(tmp_path):
    """Cells that have grokked leave it on the way, at steps 316, 316, 1,000 and 1,000."""
    leaving = ("stop_when_grokked=true", "task.tolerance=0.1", *EASY[:1], "task.thresholds.generalization=0.85")
    whole = subprocess.Popen(
        [sys.executable, "train.py", *long(tmp_path / "whole", *leaving)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killed, reached = tmp_path / "killed", 0
    for _ in range(3):
        command = Command(*long(killed, *leaving))
        further = reached + int.from_bytes(os.urandom(2), "big") % 150 + 50
        print(f"to be killed at step {further}")
        deadline = time.monotonic() + 120
        while reached < further and time.monotonic() < deadline and command.is_running():
            time.sleep(0.02)
            reached = max([reached, *[checkpoint(file.parent)["grok"]["step"] for file in killed.glob(f"*/{LAST}")]])
        command.send(signal.SIGKILL)
        command.ended()
        assert reached < 1000, "killed too late to show anything"
    code, said = Command(*long(killed, *leaving)).ended(within=300)
    assert code == 0, said
    output, _ = whole.communicate(timeout=300)
    assert whole.returncode == 0, output
    assert len(cells(killed)) == 4
    for cell in cells(killed):
        assert_same_numbers(cell, tmp_path / "whole" / cell.name)
    assert sorted(checkpoint(cell)["grok"]["step"] for cell in cells(killed)) == [316, 316, 1000, 1000]
    assert any(len(json.loads(grok.load(cell).attrs["sittings"])) >= 2 for cell in cells(killed))


class Killed(BaseException):
    """A kill at a moment that a test chooses."""


@pytest.mark.parametrize(("killed_while", "left_at"), [("write_bytes", 50), ("replace", 60)])
def test_a_kill_between_the_files_of_a_group_leaves_a_step_that_all_have(
    killed_while, left_at, command, tmp_path, monkeypatch
):
    """Beside cells that stand at another step, and when the sweep is moved afterwards."""
    sweep = ("-m", *TINY, "looks={per_decade:1,every:10}", "save_every_seconds=0", "hydra.sweep.dir=sweep")
    assert command(*sweep, "steps=50", "seed=0,1")[0] == 0
    owner = {"write_bytes": grok.training.checkpoint, "replace": Path}[killed_while]
    act, done = getattr(owner, killed_while), []

    def killed_at_the_second_file(path: Path, *rest):
        if path.name == NEXT and done:
            raise Killed
        act(path, *rest)
        done.extend([path] * (path.name == NEXT))

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, killed_while, killed_at_the_second_file)
        command(*sweep, "steps=100", "seed=0,1,2,3")
    assert done
    (tmp_path / "sweep").rename(tmp_path / "moved")
    (first, begun), (rest, nothing) = standings([tmp_path / "moved" / name for name in "0123"])
    assert first == [0, 1] and [each["grok"]["step"] for each in begun] == [left_at] * 2
    assert rest == [2, 3] and nothing is None


def test_a_kill_during_the_first_saving_leaves_a_group_that_has_not_begun(sweep):
    folders = [sweep / name for name in "01"]
    (folders[0] / LAST).rename(folders[0] / NEXT)
    (folders[1] / LAST).unlink()
    assert [*standings(folders)] == [([0, 1], None)]


def test_cells_at_different_steps_train_apart_until_they_are_done(command, run, tmp_path):
    run("steps=50", "seed=0", folder="sweep/0")
    assert command("-m", *TINY, "steps=100", "seed=0,1", "hydra.sweep.dir=sweep")[0] == 0
    assert [checkpoint(cell)["grok"]["step"] for cell in cells(tmp_path / "sweep")] == [100, 100]


def test_a_signal_ends_a_sweep_cleanly_and_says_how_to_go_on(tmp_path):
    command = Command(*long(tmp_path / "sweep", "steps=200000"))
    while not (tmp_path / "sweep" / "0" / LAST).exists() and command.is_running():
        time.sleep(0.05)
    command.send(signal.SIGINT)
    code, said = command.ended(within=60)
    assert code == 130 and f"hydra.sweep.dir='{tmp_path / 'sweep'}' goes on" in said
    assert "Traceback" not in said


def test_a_signal_between_two_groups_ends_the_sweep(tmp_path):
    """It comes while what the first group leaves is being written, when nothing is in training."""
    command = Command(*long(tmp_path / "sweep", "steps=20,200000", "seed=0,1,2"))
    while not [*tmp_path.glob("sweep/*/summary.json")] and command.is_running():
        time.sleep(0.01)
    command.send(signal.SIGTERM)
    code, said = command.ended(within=60)
    assert code == 143 and "goes on" in said and "Traceback" not in said


def test_a_sweep_through_joblib_is_the_same_sweep(made, command, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="pip install -e '.[joblib]'")
    through = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.launcher.max_replicas=4")
    assert command(*SWEEP, *through)[0] == 0
    for cell in cells(made):
        assert_same_numbers(tmp_path / "sweep" / cell.name, cell, rtol=1e-3, atol=1e-4)
    assert (tmp_path / "sweep" / "sweep.nc").exists()


def test_optuna_minimises_over_vectorised_trials(command, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="pip install -e '.[optuna]'")
    sampler = (
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=8",
        "hydra.sweeper.n_jobs=4",
        "hydra.sweeper.sampler.seed=0",
    )
    swept = "optimizer.lr=tag(log, interval(1e-6, 1e-2))"
    assert command("-m", *TINY, "steps=100", *sampler, swept, "hydra.sweep.dir=sweep")[0] == 0
    assert command.output.count("4 cells (4 side by side)") == 2
    losses = [json.loads((cell / "summary.json").read_text())["test_loss"] for cell in cells(tmp_path / "sweep")]
    assert len(losses) == 8
    best = (tmp_path / "sweep" / "optimization_results.yaml").read_text()
    assert float(best.split("best_value:")[1].split()[0]) == pytest.approx(min(losses), rel=1e-6)
