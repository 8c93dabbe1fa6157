"""The page of a run: one self-contained HTML file with a chart for each group of measures, to be opened from disk."""

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

from grok.reports.style import LINES, NEUTRAL, TEST, TRAIN
from grok.reports.template import filled, rows, script_json

PLOTLY = "plotly.min.js"
FIRST = ("accuracy", "loss")  # the charts that come first, in this order; the others follow as they were measured


def page(
    record: xr.Dataset, summary: Mapping[str, Any], *, sections: Sequence[str] = (), plotly: str | None = None
) -> str:
    """The HTML of a record: charts on a shared step axis, pictures' sections, configuration and provenance.

    It has plotly in itself, or loads it from the address `plotly`, for pages that lie beside one another.
    """
    charts: dict[str, list[str]] = defaultdict(list)
    for name, array in record.data_vars.items():
        if array.ndim <= 2 and array.attrs.get("chart"):
            charts[array.attrs["chart"]].append(str(name))
    order = [*[chart for chart in FIRST if chart in charts], *[chart for chart in charts if chart not in FIRST]]
    figures = [_chart(record, chart, charts[chart], summary) for chart in order]
    config = json.loads(record.attrs["config"])
    return filled(
        "page",
        title=html.escape(f"{config['name']}, seed {config['seed']}"),
        verdict=html.escape(_sentence(summary)),
        figures=script_json(figures),
        sections="\n".join(sections),
        config=html.escape(yaml.safe_dump(config, sort_keys=False)),
        facts=rows({key: value for key, value in record.attrs.items() if key != "config"}),
        plotly=f'<script src="{plotly}"></script>' if plotly else f"<script>{get_plotlyjs()}</script>",
    )


def _chart(record: xr.Dataset, chart: str, names: list[str], summary: Mapping[str, Any]) -> dict[str, Any]:
    """One chart, its quantities over log steps, as plotly.js takes it: plotly's Figure takes thirty times as long."""
    data = []
    log_scale = any(record[name].attrs.get("log_scale") for name in names)
    for number, (title, values) in enumerate(_lines(record, names)):
        part = next((part for part in ("train", "test") if title.startswith(part)), None)
        colour = {"train": TRAIN, "test": TEST, None: LINES[number % len(LINES)]}[part]
        shown = np.where(values > 0, values, np.nan) if log_scale else values
        dash = "dash" if part == "test" else "solid"
        line = {"color": colour, "dash": dash, "width": 2}
        steps = record["step"].values.tolist()
        data.append({"x": steps, "y": _rounded(shown), "name": title, "mode": "lines", "line": line})
    units = {record[name].attrs.get("units", "1") for name in names} - {"1"}
    quantity = data[0]["name"] if len(data) == 1 else chart
    quantity += f" ({', '.join(sorted(units))})" if units else ""
    layout = {
        "xaxis": {"title": {"text": "optimiser step"}, "type": "log", "exponentformat": "power"},
        "yaxis": {"title": {"text": quantity}, "type": "log" if log_scale else "linear", "exponentformat": "power"},
        "hovermode": "x unified",
    }
    return {"data": data, "layout": layout | (_marks(summary) if chart == "accuracy" else {})}


def _marks(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted lines over the whole height where the run memorised and generalised, named above."""
    words = {"memorization_step": "memorised", "generalization_step": "generalised"}
    steps = {word: summary[key] for key, word in words.items() if summary[key]}
    line = {"color": NEUTRAL, "width": 1, "dash": "dot"}
    dotted = {"type": "line", "y0": 0, "y1": 1, "yref": "y domain", "line": line}
    above = {"y": 1, "yref": "y domain", "yanchor": "bottom", "xanchor": "center", "showarrow": False}
    return {
        "shapes": [{**dotted, "x0": step, "x1": step} for step in steps.values()],
        "annotations": [{**above, "x": step, "text": f"{word} {step:,}"} for word, step in steps.items()],
    }


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
