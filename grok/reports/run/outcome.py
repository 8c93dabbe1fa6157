"""The outcome of a run in words: its phase, its steps, its final accuracy and loss."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import xarray as xr

# What each phase means (Liu et al. 2022, Table 1).
PHASE_MEANINGS = {
    "comprehension": "test accuracy reached its threshold before training accuracy, or less than {delay:,} steps later",
    "grokking": "test accuracy reached its threshold {delay:,} or more steps after training accuracy did",
    "memorization": "training accuracy reached its threshold, and test accuracy did not",
    "confusion": "neither training accuracy nor test accuracy reached its threshold",
}


def outcome_html(record: xr.Dataset, summary: Mapping[str, Any]) -> str:
    """The phase with its meaning, and a list of facts: steps, final accuracy and loss, length of training."""
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd>{f'<dd>{html.escape(note)}</dd>' if note else ''}</div>"
        for name, value, note in _facts(record, summary)
    )
    return f"{_phase(record, summary)}\n<dl>{facts}</dl>"


def _phase(record: xr.Dataset, summary: Mapping[str, Any]) -> str:
    """The phase and its meaning as a paragraph; empty if the task has no thresholds."""
    sentences = []
    if summary["phase"] is not None:
        meaning = PHASE_MEANINGS[summary["phase"]].format(delay=int(record.attrs["grokking_delay"]))
        sentences.append(f"<strong>{summary['phase'].capitalize()}</strong>: {meaning}.")
    if summary["phase_by_loss"] is not None:
        memorized, generalized = (_step(summary[f"{key}_step_by_loss"]) for key in ("memorization", "generalization"))
        steps = f"memorized: {memorized}, generalized: {generalized}"
        sentences.append(f"By the thresholds on the loss: {summary['phase_by_loss']} ({steps}).")
    return f'<p class="phase">{" ".join(sentences)}</p>' if sentences else ""


def _facts(record: xr.Dataset, summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The name, the value and the explanation of each fact."""
    facts = []
    if summary["phase"] is not None:
        limits = [f"{float(record.attrs[f'{name}_threshold']):g}" for name in ("memorization", "generalization")]
        later = "" if summary["delay"] is None else f"; {summary['delay']:,} steps later"
        facts = [
            ("memorized", _step(summary["memorization_step"]), f"training accuracy ≥ {limits[0]}"),
            ("generalized", _step(summary["generalization_step"]), f"test accuracy ≥ {limits[1]}{later}"),
        ]
    for quantity, digits in (("accuracy", ".4f"), ("loss", ".3g")):
        train, test = (_number(summary[f"{part}_{quantity}"], digits) for part in ("train", "test"))
        facts.append((f"final {quantity}", f"{test} test", f"{train} training"))
    return [*facts, ("trained", f"{summary['steps']:,} steps", f"in {summary['seconds']:,.0f} seconds")]


def _step(step: int | None) -> str:
    return "never" if step is None else f"step {step:,}"


def _number(value: float | None, digits: str) -> str:
    return "not finite" if value is None else f"{value:{digits}}"
