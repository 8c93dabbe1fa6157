"""The summary of a run as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text


def summary_table(summary: Mapping[str, Any]) -> Table:
    """The summary as a table of names and values."""

    def step(key: str) -> str:
        return "never" if summary[key] is None else f"step {summary[key]:,}"

    def delay(key: str) -> str:
        return "–" if summary[key] is None else f"{summary[key]:,} steps"

    has_phase, has_phase_by_loss = summary["phase"] is not None, summary["phase_by_loss"] is not None
    steps = {"memorized at": step("memorization_step"), "generalized at": step("generalization_step")}
    rows = {
        **({**steps, "delay": delay("delay")} if has_phase else {}),
        **({"delay by loss": delay("delay_by_loss")} if has_phase_by_loss else {}),
        "accuracy": f"train {summary['train_accuracy']:.4f}   test {summary['test_accuracy']:.4f}",
        **({"phase": summary["phase"]} if has_phase else {}),
        **({"loss": "not finite"} if summary["train_loss"] is None else {}),
        "time": f"{summary['seconds']:.0f} s for {summary['steps']:,} steps",
    }
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), value)
    return table
