"""The numbers a run is remembered by: `summary.json` and the table on the terminal."""

from __future__ import annotations

import math
from typing import Any

import xarray as xr
from rich.table import Table
from rich.text import Text

from grok.science.curves import transition_width
from grok.science.delay import delay, first_at, settled_at
from grok.science.phases import phase


def summarize(record: xr.Dataset) -> dict[str, Any]:
    """Final accuracies and losses, the steps of memorisation and generalisation, delay, phase and speed of a record.

    A step is that of the first look from which the accuracy stays at or above the task's threshold (or, where the task
    says so, at which it first reaches it); None: never. The transition's width is that of the test accuracy.
    """
    steps, seconds = record["step"].values, float(record.attrs["seconds"])
    at = settled_at if record.attrs["thresholds_stay"] else first_at
    memorized = at(steps, record["train_accuracy"].values, record.attrs["memorization_threshold"])
    generalized = at(steps, record["test_accuracy"].values, record.attrs["generalization_threshold"])
    final = {
        str(name): _json_number(array.values.flat[-1])
        for name, array in record.data_vars.items()
        if array.dims in (("step",), ())
    }
    return {
        **final,
        "memorization_step": memorized,
        "generalization_step": generalized,
        "delay": delay(memorized, generalized),
        "transition_width": transition_width(steps, record["test_accuracy"].values),
        "phase": phase(memorized, generalized, grokking_delay=int(record.attrs["grokking_delay"])),
        "steps": int(steps[-1]),
        "seconds": seconds,
        "steps_per_second": int(steps[-1]) / seconds if seconds else None,
    }


def table(summary: dict[str, Any]) -> Table:
    """The summary as a person reads it."""

    def step(key: str) -> str:
        return "never" if summary[key] is None else f"step {summary[key]:,}"

    rows = {
        "memorised at": step("memorization_step"),
        "generalised at": step("generalization_step"),
        "delay": "–" if summary["delay"] is None else f"{summary['delay']:,} steps",
        "accuracy": f"train {summary['train_accuracy']:.4f}   test {summary['test_accuracy']:.4f}",
        "phase": summary["phase"] + ("" if summary["train_loss"] is not None else " (the loss is no longer finite)"),
        "time": f"{summary['seconds']:.0f} s for {summary['steps']:,} steps",
    }
    shown = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in rows.items():
        shown.add_row(Text(name, style="bold"), value)
    return shown


def _json_number(value: float) -> float | None:
    """JSON has no infinity and no NaN: a diverged loss is null."""
    return float(value) if math.isfinite(value) else None
