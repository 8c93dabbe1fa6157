"""The outcome of a run in words, and the axes and marks of its charts."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from grok.reports.run.charts import charts_of
from grok.reports.run.outcome import outcome_html
from grok.science.statistics.phases import PHASES, phase

THRESHOLDS = {"memorization_threshold": 0.99, "generalization_threshold": 0.95, "grokking_delay": 1000}


def summary(memorized: int | None, generalized: int | None, **changed: Any) -> dict[str, Any]:
    steps = {"memorization_step": memorized, "generalization_step": generalized}
    delay = None if memorized is None or generalized is None else generalized - memorized
    final = {"train_accuracy": 1.0, "test_accuracy": 0.5, "train_loss": 1e-4, "test_loss": 2.0}
    phases = {"phase": phase(memorized, generalized, grokking_delay=1000), "phase_by_loss": None}
    return {**steps, "delay": delay, **final, **phases, "steps": 5000, "seconds": 61.0, **changed}


@pytest.mark.parametrize(
    ("memorized", "generalized", "words"),
    [
        (100, 2100, ["Grokking", "1,000 or more steps after", "step 100", "step 2,100", "2,000 steps later"]),
        (100, 300, ["Comprehension", "less than 1,000 steps later", "step 300"]),
        (100, None, ["Memorization", "test accuracy did not", "step 100", "never"]),
        (None, None, ["Confusion", "neither", "never"]),
    ],
)
def test_the_phase_and_its_steps_are_in_words(memorized, generalized, words):
    text = outcome_html(xr.Dataset(attrs=THRESHOLDS), summary(memorized, generalized))
    assert all(word in text for word in [*words, "test accuracy ≥ 0.95", "0.5000 test", "5,000 steps", "61 seconds"])
    assert sum(phase.capitalize() in text for phase in PHASES) == 1


def test_a_task_without_thresholds_has_final_values_alone_and_a_diverged_loss_is_named():
    text = outcome_html(xr.Dataset(), summary(None, None, phase=None, train_loss=None))
    assert "memorized" not in text and "<strong>" not in text and "not finite training" in text


def charts(values: np.ndarray, steps: dict[str, Any], **attributes: Any) -> dict[str, dict[str, Any]]:
    labels = {"chart": "loss", "long_name": "loss", "log_scale": 1} | attributes
    dims = ("step", "layer")[: values.ndim]
    return charts_of(xr.Dataset({"x": (dims, values, labels)}, {"step": np.arange(len(values))}), steps)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([1.2, 2.9, 4.1], (",.6~g", None)),  # less than a factor of 5: evenly spaced
        ([0.12, 1.1, np.nan], (",.6~g", "D2")),  # 0.2, 0.5, 1
        ([0.001, 1, 0], (None, 1)),  # powers of ten; 0 is a gap
        ([1e-9, 1, 1], (None, None)),
    ],
)
def test_a_loss_within_a_decade_has_plain_ticks(values, ticks):
    axis = charts(np.array(values), {})["loss"]["layout"]["yaxis"]
    assert axis["type"] == "log" and (axis.get("tickformat"), axis.get("dtick")) == ticks


def test_steps_are_marked_on_the_accuracy_once_if_they_are_the_same():
    values, name = np.array([0.0, 0.5, 1.0]), {"chart": "accuracy", "log_scale": 0}
    same = charts(values, {"memorization_step": 2, "generalization_step": 2}, **name)["accuracy"]["marks"]
    assert [(mark["step"], mark["text"]) for mark in same] == [(2, "memorized and generalized 2")]
    apart = charts(values, {"memorization_step": 1, "generalization_step": 2}, **name)["accuracy"]["marks"]
    assert [mark["text"] for mark in apart] == ["memorized 1", "generalized 2"]


@pytest.mark.parametrize(("n", "legend"), [(1, False), (12, True), (13, False)])
def test_a_legend_names_up_to_twelve_curves(n, legend):
    assert charts(np.ones((3, n)), {})["loss"]["layout"]["showlegend"] == legend
