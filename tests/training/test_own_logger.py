"""A logger of a user's own, from one class and one target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import grok
from grok.checks import UserError
from grok.training.run_logger import Outputs, RunLogger


class OwnLogger(RunLogger):
    """Writes the steps that it gets to a file of the run's folder, and at the end whether the summary is there."""

    name = version = None

    def __init__(
        self,
        *,
        folder: Path,
        config: Mapping[str, Any],
        warn: Callable[[str], None],
        fails: bool = False,
        blocks: bool = False,
    ) -> None:
        super().__init__()
        self.folder, self.fails, self.blocks = folder, fails, blocks
        self.steps: list[int] = []

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:  # type: ignore[override]
        self.steps.append(step)

    def finish(self, outputs: Outputs | None) -> str:
        if self.fails:
            raise RuntimeError("the disk of the logger is full")
        (self.folder / "own.txt").write_text(f"{self.steps} {(self.folder / 'summary.json').exists()}")
        if self.blocks:
            (self.folder / "summary.json").mkdir()
        return "own logger finished"


OWN = ("+logger._target_=tests.training.test_own_logger.OwnLogger", "+logger._partial_=true", "steps=10")


def test_a_run_counts_as_finished_only_after_its_logger(run, capsys):
    """A run that is killed before its logger has everything is not finished, so the same command logs the rest."""
    folder = run(*OWN)
    assert (folder / "own.txt").read_text() == f"{grok.load(folder)['step'].values.tolist()} False"
    assert (folder / "summary.json").exists() and "own logger finished" in capsys.readouterr().out


def test_a_logger_that_fails_at_the_end_costs_no_run(run, capsys):
    folder = run(*OWN, "+logger.fails=true")
    assert (folder / "summary.json").exists()
    assert "logger: RuntimeError: the disk of the logger is full" in capsys.readouterr().out


def test_a_summary_that_cannot_be_written_is_an_error(run):
    with pytest.raises(UserError, match=r"summary\.json"):
        run(*OWN, "+logger.blocks=true")
