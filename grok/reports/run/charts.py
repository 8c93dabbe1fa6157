"""The charts of a run's page: curves of its quantities over optimizer steps, as dictionaries for plotly.js."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from grok.reports.style import GRAY, PALETTE, TEST, TRAIN

FIRST_CHARTS = ("accuracy", "loss")  # the other charts follow in the order of the record
MAX_LEGEND = 12  # curves; the pointer names the curves of a chart with more
STEPS = {"memorization_step": "memorized", "generalization_step": "generalized"}


def charts_of(record: xr.Dataset, summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The charts by name: accuracy and loss, then the others. Plotly's own `Figure` is thirty times slower."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, array in record.data_vars.items():
        if array.ndim <= 2 and array.attrs.get("chart"):
            names[array.attrs["chart"]].append(str(name))
    first = [chart for chart in FIRST_CHARTS if chart in names]
    others = [chart for chart in names if chart not in FIRST_CHARTS]
    return {chart: _chart(record, chart, names[chart], summary) for chart in (*first, *others)}


def _chart(record: xr.Dataset, chart: str, names: Sequence[str], summary: Mapping[str, Any]) -> dict[str, Any]:
    """The curves, the axes, and the steps at which the run memorized and generalized, which only accuracy shows."""
    log_scale = any(record[name].attrs.get("log_scale") for name in names)
    steps, data = record["step"].values.tolist(), []
    mode = "lines" if sum(step > 0 for step in steps) > 1 else "lines+markers"  # a line needs two points
    for number, (title, values) in enumerate(_curves(record, names)):
        part = next((part for part in ("train", "test") if title.startswith(part)), None)
        color = {"train": TRAIN, "test": TEST, None: PALETTE[number % len(PALETTE)]}[part]
        line = {"color": color, "dash": "dash" if part == "test" else "solid", "width": 2}
        shown = _rounded(np.where(values > 0, values, np.nan) if log_scale else values)
        data.append({"x": steps, "y": shown, "name": title, "mode": mode, "line": line})
    units = {record[name].attrs.get("units", "1") for name in names} - {"1"}
    y_title = data[0]["name"] if len(data) == 1 else chart
    y_title += f" ({', '.join(sorted(units))})" if units else ""
    many = len(data) > MAX_LEGEND
    layout = {
        "xaxis": {"title": {"text": "optimizer step"}},
        "yaxis": {"title": {"text": y_title}, **(_log_axis([curve["y"] for curve in data]) if log_scale else {})},
        "hovermode": "closest" if many else "x unified",
        "showlegend": 1 < len(data) <= MAX_LEGEND,
    }
    return {"data": data, "layout": layout, "marks": _step_marks(summary) if chart == "accuracy" else []}


def _log_axis(curves: Sequence[Sequence[float | None]]) -> dict[str, Any]:
    """A log axis whose ticks are plain numbers within two decades, and powers of ten beyond.

    Between powers of ten, plotly's own ticks are single digits, which nobody can read.
    """
    values = [value for curve in curves for value in curve if value is not None]
    ratio = max(values) / min(values) if values else 1
    plain = {"type": "log", "tickformat": ",.6~g"}
    if ratio < 5:  # narrower than the largest gap between ticks at 1, 2 and 5
        return plain | {"nticks": 4}
    if ratio <= 100:
        return plain | {"dtick": "D2"}  # ticks at 1, 2 and 5 times the powers of ten
    powers = {"type": "log", "exponentformat": "power", "tickfont": {"size": 11}}  # plotly enlarges powers of ten
    return powers | ({"dtick": 1} if ratio <= 1e4 else {})


def _step_marks(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of memorization and generalization with their labels; one label if both are the same step."""
    labels: dict[int, list[str]] = defaultdict(list)
    for key, label in STEPS.items():
        if summary[key]:
            labels[summary[key]].append(label)
    return [{"step": step, "text": f"{' and '.join(each)} {step:,}", "color": GRAY} for step, each in labels.items()]


def _curves(record: xr.Dataset, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The curves of a chart with their titles; a quantity with a second axis has one curve per tick of that axis."""
    for name in names:
        array = record[name]
        if array.ndim == 1:
            yield array.attrs["long_name"], array.values
            continue
        dim = next(str(dim) for dim in array.dims if dim != "step")
        for tick in record[dim].values:
            yield str(tick) if isinstance(tick, str) else f"{dim} {tick}", array.sel({dim: tick}).values


def _rounded(values: np.ndarray) -> list[float | None]:
    """The values with six digits, more than a screen shows; None, a gap in the curve, if not finite."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
