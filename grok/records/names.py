"""What the files in a run's folder are called; apart, so that it can be asked without importing xarray or torch."""

from __future__ import annotations

CONFIG, RECORD, SUMMARY, ERROR = "config.yaml", "record.nc", "summary.json", "error.txt"
FIGURE, PAGE = "figure.png", "report.html"
LAST = "last.ckpt"
