"""The page of a run: one HTML file, to be opened from disk.

First the outcome in words, accuracy and loss; then the task's own plots; then all other quantities, folded.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr
from plotly.offline import get_plotlyjs

from grok.records.files import as_yaml
from grok.reports.run.charts import FIRST_CHARTS, charts_of
from grok.reports.run.outcome import outcome_html
from grok.reports.template import fill_template, script_json, table_rows

PLOTLY = "plotly.min.js"


def run_page(
    record: xr.Dataset, summary: Mapping[str, Any], *, sections: Sequence[str] = (), plotly: str | None = None
) -> str:
    """The HTML of a record: its outcome, charts with the same step axis, the sections of plots, and provenance.

    It contains plotly.js, or loads it from the address `plotly`, so that the pages of a sweep share one copy.
    """
    charts = charts_of(record, summary)
    config = json.loads(record.attrs["config"])
    return fill_template(
        "run/page",
        title=html.escape(f"{config['name']}, seed {config['seed']}"),
        outcome=outcome_html(record, summary),
        first="\n".join(_place(number, chart) for number, chart in enumerate(charts) if chart in FIRST_CHARTS),
        sections="\n".join(sections),
        folded=_folded([chart for chart in charts if chart not in FIRST_CHARTS], len(charts)),
        figures=script_json([*charts.values()]),
        config=html.escape(as_yaml(config)),
        facts=table_rows({key: value for key, value in record.attrs.items() if key != "config"}),
        plotly=f'<script src="{plotly}"></script>' if plotly else f"<script>{get_plotlyjs()}</script>",
    )


def _place(number: int, name: str) -> str:
    """The place of a chart, with its number among the charts."""
    return f'<div class="chart" data-number="{number}" aria-label="{html.escape(name)} over optimizer steps"></div>'


def _folded(names: Sequence[str], n_charts: int) -> str:
    """The last charts, each folded under its name; empty if there are none."""
    if not names:
        return ""
    folded = (
        f'<details class="quantity"><summary>{html.escape(name)}</summary>{_place(number, name)}</details>'
        for number, name in enumerate(names, n_charts - len(names))
    )
    heading = '<h2 class="more">More quantities <button id="all" aria-pressed="false">open all</button></h2>'
    return f'{heading}\n<div class="pair">{"".join(folded)}</div>'
