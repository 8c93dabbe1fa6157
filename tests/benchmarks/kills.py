"""Kills at random moments: `python -m tests.benchmarks.kills [kills [runs [steps]]]`.

A batched sweep with kept weights and W&B offline is trained without interruption. The same sweep is then killed
(SIGKILL) as often as asked, at random moments from its start on, and resumed by the same command each time. The table
counts the runs whose weights, optimizer state, record and kept files are bit-equal to those of the uninterrupted sweep,
and whose newest W&B folder has every evaluation. The exit code is 1 if a run fails a check.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import grok
from tests.conftest import TINY, checkpoint, kept_files
from tests.process import TrainProcess

LIMIT = 3600.0  # seconds that a session may take
KEPT = "keep_weights={per_decade:4,every:1000,last:true,optimizer:true}"
THRESHOLDS = "task.thresholds={memorization:0.5,generalization:1.0}"
LEAVING = ("stop_when_grokked=true", "task.tolerance=0.1", THRESHOLDS)  # the batch, from step 355 to the end
CHECKS = ("finished", "weights", "optimizer state", "record", "kept files", "W&B history")


def start(folder: Path, n_runs: int, steps: int) -> TrainProcess:
    """The sweep in its own process, with its W&B folder beside it."""
    wandb = ("logger=wandb", "logger.mode=offline", f"logger.dir={folder.parent / (folder.name + '_wandb')}")
    more = (KEPT, *LEAVING, f"seed=range({n_runs})", f"steps={steps}", "compile=false", "save_every_seconds=0")
    return TrainProcess("-m", *TINY, *wandb, *more, f"hydra.sweep.dir={folder}")


def train_uninterrupted(folder: Path, n_runs: int, steps: int) -> float:
    """Train the sweep; returns the seconds until its first checkpoint."""
    begun, first = time.monotonic(), 0.0
    command = start(folder, n_runs, steps)
    while command.is_running() and not first:
        time.sleep(0.02)
        first = time.monotonic() - begun if [*folder.glob("*/last.ckpt")] else 0.0
    code, output = command.wait(within=LIMIT)
    assert code == 0, output
    return first


def train_with_kills(folder: Path, n_runs: int, steps: int, n_kills: int, *, limit: float, total: int) -> int:
    """Train the same sweep, killed and resumed; returns how often it was killed, fewer if it was done before.

    Lifetimes are uniform from 0 to a limit in seconds. It follows the progress, so that the kills are spread over all
    `total` steps.
    """
    for kill in range(1, n_kills + 1):
        command, lifetime = start(folder, n_runs, steps), random.uniform(0, limit)
        begun = time.monotonic()
        while command.is_running() and time.monotonic() - begun < lifetime:
            time.sleep(0.01)
        if not command.is_running():
            command.wait()
            return kill - 1
        command.send(signal.SIGKILL)
        command.wait()
        trained = steps_of(folder)
        print(f"kill {kill}: after {lifetime:.2f} s, {trained / total:.1%} of all steps trained", flush=True)
        limit *= 0.95 if trained / total > kill / (n_kills + 1) else 1.05
    code, output = start(folder, n_runs, steps).wait(within=LIMIT)
    assert code == 0, output
    return n_kills


def steps_of(folder: Path) -> int:
    """The steps in the checkpoints of a sweep, summed over its runs."""
    return sum(checkpoint(path.parent)["grok"]["step"] for path in folder.glob("*/last.ckpt"))


def check(killed: Path, uninterrupted: Path) -> dict[str, bool]:
    """Whether a run ended as the uninterrupted one, by what is compared."""
    if not (killed / "summary.json").exists():
        return dict.fromkeys(CHECKS, False)
    one, other = checkpoint(killed), checkpoint(uninterrupted)
    found = grok.load(killed).drop_attrs().identical(grok.load(uninterrupted).drop_attrs())
    equal = [are_equal(one[part], other[part]) for part in ("state_dict", "optimizer_states")]
    return dict(zip(CHECKS, (True, *equal, found, same_files(killed, uninterrupted), is_sent(killed)), strict=True))


def are_equal(one: object, other: object) -> bool:
    """Whether two nested parts of checkpoints have the same tensors, bit for bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(are_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(are_equal, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other  # type: ignore[arg-type]


def same_files(killed: Path, uninterrupted: Path) -> bool:
    """Whether the kept weights have the same names and bytes."""
    return kept_files(killed) == kept_files(uninterrupted) != {}


def is_sent(folder: Path) -> bool:
    """Whether the run's last offline W&B folder has every evaluation of its record once, in order."""
    (last,) = Path(json.loads((folder / "wandb.json").read_text())["unsent"]).glob("*.wandb")
    command = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(last)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    items = [row["history"]["item"] for row in rows if row["type"] == "history"]
    sent = [(item["step"], item["train_loss"]) for item in items if "train_loss" in item]
    record = grok.load(folder)
    return sent == [*zip(record["step"].values.tolist(), record["train_loss"].values.tolist(), strict=True)]


def main(n_kills: int = 100, n_runs: int = 30, steps: int = 15_000) -> int:
    with tempfile.TemporaryDirectory() as root:
        uninterrupted, killed = Path(root) / "uninterrupted", Path(root) / "killed"
        limit = train_uninterrupted(uninterrupted, n_runs, steps)
        n_done = train_with_kills(killed, n_runs, steps, n_kills, limit=limit, total=steps_of(uninterrupted))
        checked = [check(killed / path.name, path) for path in sorted(uninterrupted.glob("[0-9]*"))]
    table = Table("equal after", f"{n_done} kills")
    for name in CHECKS:
        table.add_row(name, f"{sum(each[name] for each in checked)} of {len(checked)} runs")
    Console().print(table)
    return 0 if all(all(each.values()) for each in checked) else 1


if __name__ == "__main__":
    sys.exit(main(*[int(argument) for argument in sys.argv[1:]]))
