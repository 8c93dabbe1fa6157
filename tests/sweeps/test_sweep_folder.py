"""A sweep's folder: one Dataset of all runs, resumed and extended in place, never overwritten."""

import json
import math

import numpy as np
import pytest

import grok
from grok.records.sweep import write_manifest
from grok.reports.sweep.page import sweep_page
from grok.sweeps.run_dir import lock_dir
from tests.conftest import TINY
from tests.sweeps.sweep import SWEEP, run_folders


def test_the_same_command_trains_the_missing_runs_only(sweep, command, tmp_path):
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
    part = dataset.sel({"init_scale": 4, "optimizer.weight_decay": 1, "seed": 0})
    record = grok.load(tmp_path / "sweep" / "6")
    assert part["test_loss"].values.tolist() == record["test_loss"].values.tolist()
    (tmp_path / "sweep" / "sweep.nc").unlink()  # as while the sweep runs
    assert grok.load(tmp_path / "sweep")["test_loss"].equals(dataset["test_loss"])


def test_a_sweep_can_be_extended_in_its_folder(sweep, command):
    before = {path: path.stat().st_mtime_ns for path in sweep.glob("*/*")}
    assert command(*SWEEP[:-2], "seed=0,1,2", "hydra.sweep.dir=sweep")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    dataset = grok.load(sweep)
    assert dataset["seed"].values.tolist() == [0, 1, 2] and dataset["finished"].all()
    for folder in run_folders(sweep):
        config = json.loads(grok.load(folder).attrs["config"])
        place = {"init_scale": config["init_scale"], "seed": config["seed"]}
        part = dataset.sel({**place, "optimizer.weight_decay": config["optimizer"]["weight_decay"]})
        assert part["test_loss"].values.tolist() == grok.load(folder)["test_loss"].values.tolist()


def test_a_sweep_over_other_keys_is_refused_in_its_folder(sweep, command):
    before = (sweep / "sweep.json").read_bytes()
    code, error = command("-m", *TINY, "steps=100", "init_scale=0.5,4", "seed=0,1", "hydra.sweep.dir=sweep")
    assert code == 2 and "holds a sweep over" in error and "choose another folder" in error
    assert (sweep / "sweep.json").read_bytes() == before


def test_a_sweep_with_old_names_is_refused_in_one_line(sweep, command):
    manifest = json.loads((sweep / "sweep.json").read_text())
    manifest["cells"] = manifest.pop("runs")
    (sweep / "sweep.json").write_text(json.dumps(manifest))
    code, error = command(*SWEEP)
    assert code == 2 and "sweep.json: written with old names (cells is now runs); train it again" in error


def test_measures_with_different_axes_share_one_dataset(command, tmp_path):
    assert command("-m", *TINY, "steps=3", "model.depth=2,3", "hydra.sweep.dir=sweep")[0] == 0
    norms = grok.load(tmp_path / "sweep")["layer_weight_norm"].isel(step=-1)
    assert norms["layer"].values.tolist() == ["layers.0", "layers.1", "layers.2"]
    assert np.isnan(norms.sel({"model.depth": 2, "layer": "layers.2"})) and norms.notnull().sum() == 5


def test_two_runs_in_one_folder_are_refused(command):
    code, error = command("-m", *TINY, "steps=3", "seed=0,1", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=same")
    assert code == 2 and error.startswith("error: hydra.sweep.subdir: two runs would share the folder same")


def test_a_second_process_in_a_sweeps_folder_is_refused_and_changes_nothing(sweep, command):
    before = {path: path.read_bytes() for path in sweep.rglob("*") if path.is_file()}
    with lock_dir(sweep, key="hydra.sweep.dir"):
        code, error = command(*SWEEP)
    assert code == 2 and "hydra.sweep.dir=" in error and "another process is training there" in error
    after = {path: path.read_bytes() for path in sweep.rglob("*") if path.is_file()}
    assert {path for path in before if before[path] != after[path]} <= {sweep / "multirun.yaml"}


def test_values_that_do_not_fill_a_grid_lie_along_the_runs(tmp_path, run):
    manifest = {}
    for number in range(4):
        folder = run("steps=3", f"init_scale={1 + number}", f"optimizer.lr=0.0{1 + number}", folder=f"sweep/{number}")
        manifest[folder.name] = {"init_scale": 1 + number, "optimizer.lr": 0.01 * number, "seed": number}
    write_manifest(tmp_path / "sweep", manifest)
    dataset = grok.load(tmp_path / "sweep")
    assert dataset["test_loss"].dims == ("run", "step") and dataset["init_scale"].values.tolist() == [1, 2, 3, 4]


def test_a_sweep_over_tasks_has_the_name_of_its_first_run(command, tmp_path):
    options = ("logger=none", "steps=2", "plot=[]", "measure=[weight_norm]", "hydra.sweep.dir=sweep")
    assert command("-m", "task=teacher_student,toy_addition", *options)[0] in (0, None)
    assert grok.load(tmp_path / "sweep").attrs["name"] == "teacher_student"


@pytest.mark.parametrize(
    ("swept", "axis"),
    [
        ("+optimizer.param_groups.last_layer.lr=0.1,nan,0.01,abc", [0.01, 0.1]),  # refused values are on no axis
        ("optimizer.schedule.decay_until=10,inf,2,x,null", ["2", "10", "null"]),
    ],
)
def test_a_value_that_is_refused_costs_neither_the_ending_nor_the_numbers_of_an_axis(command, tmp_path, swept, axis):
    assert command("-m", *TINY, "steps=2", "plot=[]", "seed=0,1", swept, "hydra.sweep.dir=sweep")[0] == 1
    assert {line.split()[0] for line in command.output.splitlines() if line.startswith("  ")} >= {"done", "failed"}
    assert (tmp_path / "sweep" / "report.html").exists()
    key = swept.lstrip("+").partition("=")[0]
    assert grok.load(tmp_path / "sweep")[key].values.tolist() == axis


def test_nan_and_infinity_are_places_of_an_axis(tmp_path, run):
    manifest = {}
    for number, value in enumerate((2.0, math.nan, math.inf, math.nan)):
        folder = run("steps=2", f"seed={number % 2}", folder=f"sweep/{number}")
        manifest[folder.name] = {"objective": value, "seed": number // 2}
    write_manifest(tmp_path / "sweep", manifest)
    dataset = grok.load(tmp_path / "sweep")
    np.testing.assert_array_equal(dataset["objective"].values, [2, np.inf, np.nan])
    assert dataset["last_step"].notnull().values.tolist() == [[True, False], [False, True], [True, True]]
    assert '"ticks": [2.0, "inf", "nan"]' in sweep_page(dataset)
