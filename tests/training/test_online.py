"""The real W&B client with a local server: runs, sweeps and dashboards arrive as they were sent."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import grok
from grok.reports.dashboards import workspace
from tests.conftest import ROOT, TINY, forget_wandb_session
from tests.wandb_api import Run

NUMBERS = ("train_accuracy", "test_accuracy", "train_loss", "test_loss", "weight_norm", "last_layer_weight_norm")
# W&B's command line with an agent that polls its trial five times a second instead of every five seconds.
WANDB = "from wandb.wandb_agent import Agent; Agent.POLL_INTERVAL = 0.2; from wandb.cli.cli import cli; cli()"


@pytest.fixture
def tracked(run, server, tmp_path):
    """Train a tiny run with W&B; returns its folder and the name of its W&B run."""

    def trained(*overrides: str) -> tuple[Path, str]:
        folder = run("logger=wandb", f"logger.dir={tmp_path}", "steps=100", *overrides)
        return folder, json.loads((folder / "wandb.json").read_text())["id"]

    return trained


def wandb_command(*words: str, folder: Path) -> None:
    """Run W&B's command line in a folder."""
    command = [sys.executable, "-c", WANDB, *words]
    completed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert completed.returncode == 0, completed.stdout + completed.stderr


def assert_arrived(run: Run, folder: Path) -> None:
    """The W&B run has the numbers of the record and of the summary."""
    record, summary = grok.load(folder), json.loads((folder / "summary.json").read_text())
    rows = [row for row in run.history if "train_loss" in row]
    assert [row["step"] for row in rows] == record["step"].values.tolist()
    for name in NUMBERS:
        assert [row[name] for row in rows] == pytest.approx(record[name].values.tolist(), rel=1e-12)
    assert {key: run.summary.get(key) for key in summary} == pytest.approx(summary)
    assert run.config["optimizer"]["value"]["lr"] == 3e-4 and run.group == "teacher_student" and run.exit_code == 0


def test_an_online_run_arrives_as_its_record(tracked, server):
    folder, name = tracked()
    arrived = server.runs[name]
    assert_arrived(arrived, folder)
    last = arrived.history[-1]
    assert server.files[last["figure"]["path"]] == (folder / "figure.png").read_bytes()
    table = json.loads(server.files[last["accuracy_table"]["path"]])
    record = grok.load(folder).isel(step=slice(1, None))
    plotted = [value for _, line, value in table["data"] if line == "test"]
    assert plotted == pytest.approx(record["test_accuracy"].values.tolist())
    assert server.artifacts[f"run-{name}-accuracy_table"] == "run_table"


def test_an_offline_run_arrives_when_it_is_synced(tracked, server, tmp_path):
    folder, name = tracked("logger.mode=offline")
    assert not server.runs
    (written,) = tmp_path.glob("wandb/offline-run-*")
    wandb_command("sync", str(written), folder=tmp_path)
    assert_arrived(server.runs[name], folder)


def test_a_dashboard_arrives_with_its_panels(server, capsys):
    where = ("--entity", "me", "--project", "grokking", "--results", str(ROOT / "results"))
    assert workspace.main(where) == 0
    assert workspace.main([*where, "--report", "omnigrok_mnist"]) == 0
    saved, report = server.views
    assert capsys.readouterr().out.count(f"{server.url}/me/grokking") == 2
    sections = saved["spec"]["section"]["panelBankConfig"]["sections"]
    kinds = {
        "Run History Line Plot",
        "Scatter Plot",
        "Parallel Coordinates Plot",
        "Media Browser",
    }
    assert {panel["viewType"] for section in sections for panel in section["panels"]} == kinds | {"Markdown Panel"}
    (grid,) = [block for block in report["spec"]["blocks"] if block["type"] == "panel-grid"]
    assert {panel["viewType"] for panel in grid["metadata"]["panelBankSectionConfig"]["panels"]} == kinds
    assert grid["metadata"]["runSets"][0]["project"]["name"] == "grokking"


def test_a_trial_resumed_by_hand_continues_the_run_of_its_agent(tracked, server, monkeypatch):
    server.runs["trial"] = Run()
    with monkeypatch.context() as agent:
        agent.setenv("WANDB_SWEEP_ID", "sweep")
        agent.setenv("WANDB_RUN_ID", "trial")
        forget_wandb_session()
        tracked("logger.mode=online")
    forget_wandb_session()
    folder, name = tracked("steps=200", "logger.mode=online")
    assert name == "trial" and server.runs.keys() == {"trial"}
    assert_arrived(server.runs["trial"], folder)


@pytest.mark.slow
def test_an_agent_trains_the_trials_of_a_sweep(server, tmp_path):
    sweep = yaml.safe_load((ROOT / "conf" / "wandb_sweep.yaml").read_text())
    sweep["method"] = "grid"
    sweep["parameters"] = {"optimizer.weight_decay": {"values": [0.1, 1.0]}}
    assert "task=teacher_student" in sweep["command"]
    tiny = [override for override in TINY if override not in {"task=teacher_student", "logger=none"}]
    sweep["command"] += [*tiny, "steps=20"]
    sweep["program"] = str(ROOT / "train.py")
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))

    wandb_command("sweep", "--project", "grokking", "sweep.yaml", folder=tmp_path)
    (name,) = server.sweeps
    wandb_command("agent", "--count", "2", f"me/grokking/{name}", folder=tmp_path)

    assert server.runs.keys() == {"trial0", "trial1"}
    for trial, weight_decay in (("trial0", 0.1), ("trial1", 1.0)):
        folder = tmp_path / "sweeps" / name / trial
        assert_arrived(server.runs[trial], folder)
        assert json.loads((folder / "wandb.json").read_text())["id"] == trial
        assert json.loads(grok.load(folder).attrs["config"])["optimizer"]["weight_decay"] == weight_decay
