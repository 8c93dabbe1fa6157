"""The numbers that summarize a run: final values, steps of memorization and generalization, delay, phase, speed."""

from __future__ import annotations

import math
from typing import Any

import xarray as xr

from grok.science.statistics.curves import transition_width
from grok.science.statistics.delay import delay, first_at, settled_at
from grok.science.statistics.phases import phase


def summarize(record: xr.Dataset) -> dict[str, Any]:
    """The summary of a record, as `summary.json` has it.

    A run memorizes (generalizes) at the first evaluation from which its training (test) accuracy stays at the task's
    threshold, or at which it first reaches it, as the task says; None: never. The transition width is that of the test
    accuracy. Steps and widths are in optimizer steps.
    """
    steps, seconds = record["step"].values, float(record.attrs["seconds"])
    step_at = settled_at if record.attrs["thresholds_stay"] else first_at
    memorized = step_at(steps, record["train_accuracy"].values, record.attrs["memorization_threshold"])
    generalized = step_at(steps, record["test_accuracy"].values, record.attrs["generalization_threshold"])
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


def _json_number(value: float) -> float | None:
    """The number; None for infinity and NaN, which JSON lacks: a diverged loss is null."""
    return float(value) if math.isfinite(value) else None
