"""Keys of the command: a dry run, the end at the first failure; and what it prints and returns at its end."""

import signal
import subprocess
import sys
from collections import Counter

import pytest

from tests.conftest import ROOT, TINY


def test_a_dry_run_prints_the_batches_and_leaves_nothing(command, tmp_path):
    assert command("-m", *TINY, "steps=500", "model.width=8,16", "seed=range(3)", "dry_run=true") == (0, "")
    assert "6 runs (batches of 3 + 3)" in command.output
    rows = [line.split() for line in command.output.splitlines() if line.startswith("  ")]
    assert [row[:3] for row in rows] == [["batch", "runs", "steps"], ["0", "3", "500"], ["1", "3", "500"]]
    assert command(*TINY, "steps=500", "dry_run=true")[0] in (0, None)
    assert "for 1 runs" in command.output
    code, error = command("-m", *TINY, "dry_run=true,false")
    assert code == 2 and error == "error: dry_run=true,false: has one value for the whole sweep\n"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()] and not (tmp_path / "sweeps").exists()


@pytest.mark.parametrize(
    ("swept", "batches", "refused"),
    [
        ("batch_size=8,500", ["1"], "1: batch_size=500: must be at most the 20 training examples"),
        ("optimizer.lr=0.1,-1,0.2,-1", ["1", "1"], "1, 3: optimizer.lr=-1: must be a number at least 0"),
        ("start_from=null,nowhere", ["1"], "1: start_from=nowhere: "),
        ("seed=0,1,2", ["2"], "0: init_scale=2.0: the run in "),
    ],
)
def test_a_dry_run_counts_no_refused_run_and_ends_as_the_sweep_would(command, run, tmp_path, swept, batches, refused):
    if swept.startswith("seed"):
        run("steps=5", "init_scale=3", folder="sweep/0")
    before = {*tmp_path.rglob("*")}
    assert command("-m", *TINY, "steps=5", swept, "hydra.sweep.dir=sweep", "dry_run=true") == (1, "")
    lines = command.output.partition("(batches of ")[2].splitlines()
    assert [line.split()[1] for line in lines if line.startswith("  ")][1:] == batches
    assert f"for {sum(map(int, batches))} runs one batch after the other" in command.output
    (line,) = [each for each in lines if each.startswith("refused: ")]
    assert line.startswith(f"refused: {refused}") and {*tmp_path.rglob("*")} == before


def test_a_dry_run_of_a_run_that_would_be_refused_is_one_line(command):
    line = "error: batch_size=500: must be at most the 20 training examples, or null for all\n"
    assert command(*TINY, "batch_size=500", "dry_run=true") == (2, line) and command.output == ""


def test_a_sweep_ends_at_the_first_failure_and_resumes(command, tmp_path):
    sweep = ("-m", *TINY, "steps=60", "optimizer=sgd", "hydra.sweep.dir=sweep", "save_every_seconds=0")
    values = ("optimizer.lr=0.01,1e30,0.02", "model.width=16,24")
    assert command(*sweep, *values, "stop_on_failure=true")[0] == 1
    ended = {line.split()[0]: int(line.split()[1]) for line in command.output.splitlines() if line.startswith("  ")}
    assert ended == {"done": 0, "skipped": 0, "failed": 1, "stopped": 5}
    table = (tmp_path / "sweep" / "summary.csv").read_text().splitlines()
    assert Counter(line.split(",")[3] for line in table[1:]) == {"failed": 1, "stopped": 2, "missing": 3}
    assert "stopped at the first failure: the same command in the same hydra.sweep.dir resumes" in command.output
    assert command(*sweep, *values)[0] == 1
    assert "2 runs resume at step 1\n" in command.output
    assert len([*(tmp_path / "sweep").glob("*/summary.json")]) == 6
    code, error = command(*sweep, "seed=0,1", "stop_on_failure=true", "hydra/launcher=joblib")
    assert code == 2 and error.startswith("error: stop_on_failure=true: needs hydra/launcher=vectorized")


def test_a_run_that_resumes_prints_its_step(run, capsys):
    run("steps=20")
    run("steps=30")
    assert "resumes at step 20\n" in capsys.readouterr().out


def test_optuna_counts_all_its_trials(command, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="pip install -e '.[optuna]'")
    trials = (
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=6",
        "hydra.sweeper.n_jobs=3",
        "hydra.sweeper.sampler.seed=0",
    )
    sweep = (
        "-m",
        *TINY,
        "steps=20",
        "optimizer=sgd",
        *trials,
        "optimizer.lr=choice(0.01,1e30)",
        "hydra.sweep.dir=sweep",
    )
    assert command(*sweep)[0] == 1
    ended = [line.split() for line in command.output.splitlines() if line.startswith("  ")][-3:]
    counts = {name: int(number) for name, number in ended}
    assert counts["failed"] > 0 and sum(counts.values()) == 6  # trials of the same values count, too
    assert (tmp_path / "sweep" / "optimization_results.yaml").exists()


ORPHAN = """
import os, signal, sys, time
from grok.sweeps import parent
parent.CHECK_SECONDS = 0.05
if os.fork():  # the command that started the job: it is killed
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGKILL)
signal.signal(signal.SIGTERM, lambda *_: print("saves", flush=True))
with parent.end_with_parent():
    time.sleep(1)
time.sleep(60)  # a worker of joblib waits for its next job
"""


def test_a_job_saves_and_ends_when_its_command_is_killed():
    made = subprocess.run([sys.executable, "-c", ORPHAN], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=20)
    assert made.returncode == -signal.SIGKILL and made.stdout == "saves\n"  # the job has closed its output
