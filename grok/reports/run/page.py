"""The page of a run: one HTML file with a chart for each group of quantities, to be opened from disk."""

from __future__ import annotations

import html
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
import yaml
from plotly.offline import get_plotlyjs

from grok.reports.style import GRAY, PALETTE, TEST, TRAIN
from grok.reports.template import fill_template, script_json, table_rows

PLOTLY = "plotly.min.js"
FIRST_CHARTS = ("accuracy", "loss")  # the other charts follow in the order of the record


def run_page(
    record: xr.Dataset, summary: Mapping[str, Any], *, sections: Sequence[str] = (), plotly: str | None = None
) -> str:
    """The HTML of a record: charts with the same step axis, the sections of plots, configuration and provenance.

    It contains plotly.js, or loads it from the address `plotly`, so that the pages of a sweep share one copy.
    """
    charts: dict[str, list[str]] = defaultdict(list)
    for name, array in record.data_vars.items():
        if array.ndim <= 2 and array.attrs.get("chart"):
            charts[array.attrs["chart"]].append(str(name))
    first = [chart for chart in FIRST_CHARTS if chart in charts]
    others = [chart for chart in charts if chart not in FIRST_CHARTS]
    figures = [_chart(record, chart, charts[chart], summary) for chart in (*first, *others)]
    config = json.loads(record.attrs["config"])
    return fill_template(
        "run/page",
        title=html.escape(f"{config['name']}, seed {config['seed']}"),
        outcome=html.escape(_outcome(summary)),
        figures=script_json(figures),
        sections="\n".join(sections),
        config=html.escape(yaml.safe_dump(config, sort_keys=False)),
        facts=table_rows({key: value for key, value in record.attrs.items() if key != "config"}),
        plotly=f'<script src="{plotly}"></script>' if plotly else f"<script>{get_plotlyjs()}</script>",
    )


def _chart(record: xr.Dataset, chart: str, names: list[str], summary: Mapping[str, Any]) -> dict[str, Any]:
    """A chart of quantities over log steps, as a dictionary for plotly.js: plotly's `Figure` is thirty times slower."""
    data = []
    log_scale = any(record[name].attrs.get("log_scale") for name in names)
    for number, (title, values) in enumerate(_curves(record, names)):
        part = next((part for part in ("train", "test") if title.startswith(part)), None)
        color = {"train": TRAIN, "test": TEST, None: PALETTE[number % len(PALETTE)]}[part]
        shown = np.where(values > 0, values, np.nan) if log_scale else values
        dash = "dash" if part == "test" else "solid"
        line = {"color": color, "dash": dash, "width": 2}
        steps = record["step"].values.tolist()
        data.append({"x": steps, "y": _rounded(shown), "name": title, "mode": "lines", "line": line})
    units = {record[name].attrs.get("units", "1") for name in names} - {"1"}
    y_title = data[0]["name"] if len(data) == 1 else chart
    y_title += f" ({', '.join(sorted(units))})" if units else ""
    layout = {
        "xaxis": {"title": {"text": "optimizer step"}, "type": "log", "exponentformat": "power"},
        "yaxis": {"title": {"text": y_title}, "type": "log" if log_scale else "linear", "exponentformat": "power"},
        "hovermode": "x unified",
    }
    return {"data": data, "layout": layout | (_step_marks(summary) if chart == "accuracy" else {})}


def _step_marks(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted vertical lines at the steps of memorization and generalization, labeled above the chart."""
    labels = {"memorization_step": "memorized", "generalization_step": "generalized"}
    steps = {label: summary[key] for key, label in labels.items() if summary[key]}
    line = {"color": GRAY, "width": 1, "dash": "dot"}
    dotted = {"type": "line", "y0": 0, "y1": 1, "yref": "y domain", "line": line}
    above = {"y": 1, "yref": "y domain", "yanchor": "bottom", "xanchor": "center", "showarrow": False}
    return {
        "shapes": [{**dotted, "x0": step, "x1": step} for step in steps.values()],
        "annotations": [{**above, "x": step, "text": f"{label} {step:,}"} for label, step in steps.items()],
    }


def _curves(record: xr.Dataset, names: list[str]) -> Iterator[tuple[str, np.ndarray]]:
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


def _outcome(summary: Mapping[str, Any]) -> str:
    """The steps of memorization and generalization, the phase and the final accuracies, in a few sentences."""

    def step(key: str) -> str:
        return "never" if summary[key] is None else f"at step {summary[key]:,}"

    def phase(prefix: str, suffix: str) -> str:
        if summary[f"phase{suffix}"] is None:
            return ""
        memorized, generalized = step(f"memorization_step{suffix}"), step(f"generalization_step{suffix}")
        return f"{prefix}emorized {memorized}, generalized {generalized}: {summary[f'phase{suffix}']}. "

    return (
        f"{phase('M', '')}{phase('By the thresholds on the loss: m', '_by_loss')}"
        f"Final accuracy {summary['train_accuracy']:.4f} on training examples, {summary['test_accuracy']:.4f} on test "
        f"examples, after {summary['steps']:,} steps."
    )
