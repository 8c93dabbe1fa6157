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
    threshold, or at which it first reaches it, as the task says; None: never, or the task has no thresholds. The keys
    `*_by_loss` are the same for thresholds on the losses. The transition width is that of the test accuracy. Steps and
    widths are in optimizer steps.
    """
    steps, seconds = record["step"].values, float(record.attrs["seconds"])
    memorized, generalized = _step_at(record, "memorization_threshold"), _step_at(record, "generalization_threshold")
    by_loss = [_step_at(record, f"{name}_loss_threshold") for name in ("memorization", "generalization")]
    grokking_delay = record.attrs.get("grokking_delay", 0)
    has_phase, has_phase_by_loss = (name in record.attrs for name in ("grokking_delay", "memorization_loss_threshold"))
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
        "memorization_step_by_loss": by_loss[0],
        "generalization_step_by_loss": by_loss[1],
        "delay_by_loss": delay(*by_loss),
        "transition_width": transition_width(steps, record["test_accuracy"].values),
        "phase": phase(memorized, generalized, grokking_delay=grokking_delay) if has_phase else None,
        "phase_by_loss": phase(*by_loss, grokking_delay=grokking_delay) if has_phase_by_loss else None,
        "steps": int(steps[-1]),
        "seconds": seconds,
        "steps_per_second": int(steps[-1] - steps[0]) / seconds if seconds else None,
    }


def _step_at(record: xr.Dataset, threshold: str) -> int | None:
    """The step at which the threshold is reached, such as `memorization_threshold`; None: never, or there is none."""
    if threshold not in record.attrs:
        return None
    part, is_loss = "train" if threshold.startswith("memorization") else "test", "_loss_" in threshold
    values, sign = record[f"{part}_loss" if is_loss else f"{part}_accuracy"].values, -1 if is_loss else 1
    step_at = settled_at if record.attrs["thresholds_stay"] else first_at
    return step_at(record["step"].values, sign * values, sign * float(record.attrs[threshold]))


def _json_number(value: float) -> float | None:
    """The number; None for infinity and NaN, which JSON lacks: a diverged loss is null."""
    return float(value) if math.isfinite(value) else None
