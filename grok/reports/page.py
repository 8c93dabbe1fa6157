"""The page of a run: one self-contained HTML file with a chart for each group of measures, to be opened from disk."""

from __future__ import annotations

import html
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
import yaml
from plotly.offline import get_plotlyjs

from grok.reports.style import LINES, NEUTRAL, TEST, TRAIN

PLOTLY = "plotly.min.js"
TEMPLATE = Path(__file__).with_name("page.html")
FIRST = ("accuracy", "loss")  # the charts that come first, in this order; the others follow as they were measured


def page(record: xr.Dataset, summary: Mapping[str, Any], *, plotly: str | None = None) -> str:
    """The HTML of a record: charts on a shared step axis, the summary, the configuration and the provenance.

    It has plotly in itself, or loads it from the address `plotly`, for pages that lie beside one another.
    """
    charts: dict[str, list[str]] = defaultdict(list)
    for name, array in record.data_vars.items():
        if array.ndim <= 2 and array.attrs.get("chart"):
            charts[array.attrs["chart"]].append(str(name))
    order = [*[chart for chart in FIRST if chart in charts], *[chart for chart in charts if chart not in FIRST]]
    figures = [_chart(record, chart, charts[chart], summary) for chart in order]
    config = json.loads(record.attrs["config"])
    facts = {key: value for key, value in record.attrs.items() if key != "config"}
    parts = {
        "{{title}}": html.escape(f"{config['name']}, seed {config['seed']}"),
        "{{verdict}}": html.escape(_sentence(summary)),
        "{{figures}}": "[" + ",".join(figures).replace("</", "<\\/") + "]",
        "{{config}}": html.escape(yaml.safe_dump(config, sort_keys=False)),
        "{{facts}}": "".join(f"<tr><th>{html.escape(str(k))}<td>{html.escape(str(v))}" for k, v in facts.items()),
        "{{plotly}}": f'<script src="{plotly}"></script>' if plotly else f"<script>{get_plotlyjs()}</script>",
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for mark, content in parts.items():
        text = text.replace(mark, content)
    return text


def _chart(record: xr.Dataset, chart: str, names: list[str], summary: Mapping[str, Any]) -> str:
    """One chart as plotly's JSON: its quantities over log steps."""
    figure = go.Figure()
    log_scale = any(record[name].attrs.get("log_scale") for name in names)
    for number, (title, values) in enumerate(_lines(record, names)):
        part = next((part for part in ("train", "test") if title.startswith(part)), None)
        colour = {"train": TRAIN, "test": TEST, None: LINES[number % len(LINES)]}[part]
        shown = np.where(values > 0, values, np.nan) if log_scale else values
        dash = "dash" if part == "test" else "solid"
        figure.add_scatter(
            x=record["step"].values.tolist(),
            y=_rounded(shown),
            name=title,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
        )
    if chart == "accuracy":
        for key, word in (("memorization_step", "memorised"), ("generalization_step", "generalised")):
            if summary[key]:
                figure.add_vline(
                    x=summary[key],
                    line={"color": NEUTRAL, "width": 1, "dash": "dot"},
                    annotation={"text": f"{word} {summary[key]:,}", "y": 1, "yanchor": "bottom", "xanchor": "center"},
                )
    units = {record[name].attrs.get("units", "1") for name in names} - {"1"}
    figure.update_layout(
        xaxis={"title": "optimiser step", "type": "log", "exponentformat": "power"},
        yaxis={
            "title": f"{chart} ({', '.join(sorted(units))})" if units else chart,
            "type": "log" if log_scale else "linear",
            "exponentformat": "power",
        },
        hovermode="x unified",
        template="none",
    )
    return str(figure.to_json())


def _lines(record: xr.Dataset, names: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Each curve of a chart with its title: one for a quantity over steps, several for one with another axis."""
    for name in names:
        array = record[name]
        if array.ndim == 1:
            yield array.attrs["long_name"], array.values
            continue
        dim = next(str(dim) for dim in array.dims if dim != "step")
        for tick in record[dim].values:
            yield str(tick) if isinstance(tick, str) else f"{dim} {tick}", array.sel({dim: tick}).values


def _rounded(values: np.ndarray) -> list[float | None]:
    """Six digits are more than a screen shows; what is not finite is a gap."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def _sentence(summary: Mapping[str, Any]) -> str:
    """The run in a sentence."""

    def step(key: str) -> str:
        return "never" if summary[key] is None else f"at step {summary[key]:,}"

    return (
        f"Memorised {step('memorization_step')}, generalised {step('generalization_step')}: {summary['phase']}. "
        f"Final accuracy {summary['train_accuracy']:.4f} on training examples, {summary['test_accuracy']:.4f} on test "
        f"examples, after {summary['steps']:,} steps."
    )
