"""W&B mirrors the record without an account, a network or a prompt."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import grok
from grok.checks import UserError
from tests.conftest import ADDITION, TINY

pytestmark = pytest.mark.usefixtures("no_account")


def tracked(run, tmp_path, *overrides: str) -> tuple[Path, Path]:
    """Train a run with W&B; returns its folder and W&B's own file of it."""
    folder = run("logger=wandb", f"logger.dir={tmp_path}", *overrides)
    (file,) = Path(json.loads((folder / "wandb.json").read_text())["unsent"]).glob("*.wandb")
    return folder, file


def rows(file: Path) -> list[dict]:
    """The records of an offline run, read with W&B's own tool."""
    command = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(file)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_an_offline_run_has_the_numbers_of_the_record(run, tmp_path):
    folder, file = tracked(run, tmp_path, "steps=200")
    written, record = rows(file), grok.load(folder)
    history = [
        row["history"]["item"] for row in written if row["type"] == "history" and "train_loss" in row["history"]["item"]
    ]
    assert [item["step"] for item in history] == record["step"].values.tolist()
    for name in ("train_accuracy", "test_accuracy", "train_loss", "test_loss", "weight_norm", "last_layer_weight_norm"):
        assert [item[name] for item in history] == pytest.approx(record[name].values.tolist(), rel=1e-12)
    assert {"glob_name": "*", "step_metric": "step"}.items() <= next(
        row["metric"].items() for row in written if row["type"] == "metric" and row["metric"].get("glob_name") == "*"
    )
    last = [row["history"]["item"] for row in written if row["type"] == "history"][-1]
    assert "figure" in json.dumps(last) and "accuracy_table" in json.dumps(
        last
    )  # the image, and both curves in one chart


def test_the_last_offline_folder_of_a_resumed_run_is_complete(run, tmp_path):
    _, first = tracked(run, tmp_path, "steps=100")
    folder, second = tracked(run, tmp_path, "steps=200")
    assert first != second and first.name == second.name
    steps = [row["history"]["item"]["step"] for row in rows(second) if row["type"] == "history"]
    assert steps == [*grok.load(folder)["step"].values, 200]  # the last row has the figures


def test_the_last_line_of_a_run_says_where_its_data_are(command, tmp_path):
    assert command(*TINY, "logger=wandb", f"logger.dir={tmp_path}", "steps=3", "plot=[]")[0] in (0, None)
    *others, last = command.output.splitlines()
    assert last.startswith("W&B offline: `wandb leet ") and not any("W&B offline" in line for line in others)


def test_a_value_that_the_task_refuses_starts_no_wandb_run(command, tmp_path):
    wrong = ("logger=wandb", f"logger.dir={tmp_path}", "task.operation=plus", "hydra.run.dir=run")
    code, error = command(*ADDITION, *wrong)
    assert code == 2 and error.startswith("error: task.operation=plus")
    assert not [*tmp_path.glob("wandb")] and not [*tmp_path.glob("run/*.*")]


def test_disabled_writes_no_file(run, tmp_path):
    run("logger=wandb", f"logger.dir={tmp_path}", "logger.mode=disabled", "steps=10")
    assert not list(tmp_path.rglob("*.wandb"))


@pytest.mark.parametrize("mode", [None, "online"])
@pytest.mark.parametrize("arguments", [("hydra.run.dir=run",), ("-m", "seed=0,1", "hydra.sweep.dir=run")])
def test_an_address_that_wandb_cannot_read_is_one_line(command, tmp_path, monkeypatch, arguments, mode):
    monkeypatch.setenv("WANDB_BASE_URL", "nonsense")
    if mode:
        monkeypatch.setenv("WANDB_MODE", mode)
    code, error = command(*arguments, *TINY, "logger=wandb", "steps=10")
    assert code == 2 and error == (
        "error: W&B cannot read its settings (base_url: Input should be a valid URL, relative URL without a base); "
        "logger=none trains without W&B\n"
    )
    assert not [*tmp_path.glob("run/*.*")]


def test_a_project_that_wandb_refuses_is_one_line(run, tmp_path):
    with pytest.raises(UserError, match=r"W&B refused"):
        tracked(run, tmp_path, "logger.project=a/b", "steps=10")
