"""A server that refuses, dies or is silent costs no run; what it did not receive is sent by one command."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import wandb

import grok
from grok.training import tracking, wandb_mode
from tests.conftest import TINY, checkpoint
from tests.process import TrainProcess
from tests.wandb_api import Run, WandbServer

SWEEP = ("-m", *TINY, "logger=wandb", "steps=20", "seed=0,1,2", "hydra.sweep.dir=sweep")


@pytest.fixture(autouse=True)
def impatient(server, monkeypatch):
    monkeypatch.setattr(wandb_mode, "PROBE_SECONDS", 1)
    monkeypatch.setattr(tracking, "FINISH_SECONDS", 1.0)
    monkeypatch.setattr(wandb.apis.public.Api, "_HTTP_TIMEOUT", 1)


def synced(output: str, server: WandbServer, folder: Path) -> None:
    """Run the command that the output names to send runs to the server, which answers again."""
    server.fault = None
    (command,) = re.findall(r"`([^`]*wandb sync[^`]*)`", output)
    client = f"{shlex.quote(sys.executable)} -m wandb sync"
    completed = subprocess.run(
        command.replace("wandb sync", client), shell=True, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr


def assert_complete(run: Run, folder: Path) -> None:
    """The W&B run has each evaluation of the record once, in order, then the figure; and the summary."""
    rows = [row for row in run.history if "train_loss" in row]
    assert [row["step"] for row in rows] == grok.load(folder)["step"].values.tolist()
    assert len(run.history) == len(rows) + 1 and "figure" in run.history[-1]
    summary = json.loads((folder / "summary.json").read_text())
    assert {key: run.summary.get(key) for key in summary} == pytest.approx(summary) and run.exit_code == 0


def test_a_sweep_whose_login_is_refused_is_offline_and_one_command_sends_it(command, server, tmp_path):
    server.fault = 401
    code, error = command(*SWEEP)
    assert code == 0 and "Traceback" not in command.output + error
    assert command.output.count("W&B refused the login (401): logging offline") == 1
    assert not server.runs
    synced(command.output, server, tmp_path)
    assert len(server.runs) == 3
    for number in range(3):
        folder = tmp_path / "sweep" / str(number)
        assert_complete(server.runs[json.loads((folder / "wandb.json").read_text())["id"]], folder)


@pytest.mark.parametrize("arguments", [SWEEP, (*TINY, "logger=wandb", "hydra.run.dir=run")])
def test_a_run_that_must_be_online_is_refused_before_training(command, server, tmp_path, arguments):
    server.fault = 403
    code, error = command(*arguments, "logger.mode=online")
    assert (
        code == 2
        and error == "error: logger.mode=online: W&B refused the login (403); logger=none trains without W&B\n"
    )
    assert not [*tmp_path.glob("run/*.*")] and not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("fault", [401, 500])
def test_a_server_that_fails_during_a_run_costs_nothing_and_one_command_sends_it(
    command, server, tmp_path, monkeypatch, fault
):
    log_metrics = tracking.WandbRun.log_metrics

    def log_and_break(logger: tracking.WandbRun, metrics: dict[str, float], step: int) -> None:
        server.fault = fault if step > 5 else None
        log_metrics(logger, metrics, step)

    monkeypatch.setattr(tracking.WandbRun, "log_metrics", log_and_break)
    code, error = command(*TINY, "logger=wandb", "steps=20", "hydra.run.dir=run")
    assert code == 0 and "Traceback" not in command.output + error
    synced(command.output, server, tmp_path)
    (arrived,) = server.runs.values()
    assert_complete(arrived, tmp_path / "run")


def test_a_run_that_the_server_refuses_is_offline_with_another_id(command, server, tmp_path, monkeypatch):
    answer, refused = server.answer, {"errors": [{"message": "permission denied"}]}
    with monkeypatch.context() as patch:
        patch.setattr(
            server, "answer", lambda query, to: refused if "mutation UpsertBucket" in query else answer(query, to)
        )
        code, error = command(*TINY, "logger=wandb", "steps=20", "hydra.run.dir=run")
    assert code == 0 and "Traceback" not in command.output + error
    assert "W&B refused the run (permission denied): logging offline" in command.output
    synced(command.output, server, tmp_path)
    name = json.loads((tmp_path / "run" / "wandb.json").read_text())["id"]
    assert_complete(server.runs[name], tmp_path / "run")


@pytest.mark.parametrize("method", ["log_metrics", "finish"])
@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_client_that_dies_costs_no_run(command, tmp_path, monkeypatch, mode, method):
    called = getattr(tracking.WandbRun, method)

    def kill_and_call(logger: tracking.WandbRun, *arguments: Any, **named: Any) -> Any:
        if method == "finish" or named["step"] > 5:
            for process in psutil.Process().children():
                if "wandb-core" in process.name() and not logger.missing:
                    process.kill()
        return called(logger, *arguments, **named)

    arguments = (*TINY, "logger=wandb", f"logger.mode={mode}", "steps=20")
    with monkeypatch.context() as patch:
        patch.setattr(tracking.WandbRun, method, kill_and_call)
        code, error = command(*arguments, "hydra.run.dir=run")
    assert code == 0 and not error
    (line,) = [line for line in command.output.splitlines() if line.startswith("W&B")]
    assert line.startswith("W&B stopped (") and line.endswith("sends this run")
    assert (tmp_path / "run" / "summary.json").exists()
    assert len(grok.load(tmp_path / "run")["step"]) > 5
    unsent = json.loads((tmp_path / "run" / "wandb.json").read_text())["unsent"]
    assert unsent in line and [*Path(unsent).glob("*.wandb")]
    code, error = command(*arguments, "hydra.run.dir=next")
    assert code == 0 and not error and "stopped" not in command.output


def test_a_finished_run_whose_data_were_not_sent_is_listed_when_the_sweep_resumes(
    command, server, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(tracking.WandbRun, "_note_sent", lambda logger: None)  # as if killed before
        assert command(*SWEEP)[0] == 0
    assert command(*SWEEP)[0] == 0 and "skipped  3" in re.sub(" +", "  ", command.output)
    listed = (tmp_path / "sweep" / "wandb_unsent.txt").read_text().split()
    assert len(listed) == 3 and all([*Path(folder).glob("*.wandb")] for folder in listed)
    assert command(*[each.replace("seed=0,1,2", "seed=3") for each in SWEEP])[0] == 0  # extends the sweep
    assert (tmp_path / "sweep" / "wandb_unsent.txt").read_text().split()[:3] == listed


def test_a_run_that_was_sent_is_not_unsent_because_another_was_refused(command, server, tmp_path, monkeypatch):
    log_metrics = tracking.WandbRun.log_metrics

    def log_beside_another(logger: tracking.WandbRun, metrics: dict[str, float], step: int) -> None:
        wandb_mode._refusals[server.url] = (time.monotonic() + 300, "W&B refused the login (403)")
        log_metrics(logger, metrics, step)

    monkeypatch.setattr(tracking.WandbRun, "log_metrics", log_beside_another)
    code, _ = command(*TINY, "logger=wandb", "steps=20", "hydra.run.dir=run")
    note = json.loads((tmp_path / "run" / "wandb.json").read_text())
    assert code == 0 and note["unsent"] is None and f"W&B {note['url']}\n" in command.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_offline_run_that_was_stopped_and_resumed_arrives_whole(server, tmp_path, command, number):
    folder = tmp_path / "run"
    arguments = (*TINY, "logger=wandb", "logger.mode=offline", "steps=600", "save_every_seconds=0")
    process = TrainProcess(*arguments, f"hydra.run.dir={folder}", cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not (folder / "last.ckpt").exists() or checkpoint(folder)["grok"]["step"] < 50:
        assert time.monotonic() < deadline and process.is_running()
        time.sleep(0.02)
    process.send(number)
    process.wait(within=60)
    (partial,) = tmp_path.glob("wandb/offline-run-*")
    code, _ = command(*arguments, f"hydra.run.dir={folder}")
    assert code == 0 and str(partial) not in command.output
    synced(command.output, server, tmp_path)
    ((name, arrived),) = server.runs.items()
    assert_complete(arrived, folder)

    synced("`wandb sync --yes`", server, tmp_path)  # all that is left: nothing
    assert server.runs.keys() == {name}
    assert_complete(arrived, folder)
