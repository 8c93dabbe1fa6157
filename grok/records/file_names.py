"""Names of the files in a run's folder; a module of its own, so that it can be imported without xarray or torch."""

from __future__ import annotations

CONFIG, RECORD, SUMMARY, ERROR = "config.yaml", "record.nc", "summary.json", "error.txt"
FIGURE, PAGE = "figure.png", "report.html"
CHECKPOINT = "last.ckpt"
