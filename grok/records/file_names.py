"""Names of the files in a run's folder; a module of its own, so that it can be imported without xarray or torch."""

from __future__ import annotations

CONFIG, RECORD, SUMMARY, ERROR = "config.yaml", "record.nc", "summary.json", "error.txt"
FIGURE, PAGE = "figure.png", "report.html"
CHECKPOINT = "last.ckpt"
WEIGHTS = "weights"  # the folder of the kept steps


def weights_file(step: int) -> str:
    """The weights of a kept step, within the run's folder."""
    return f"{WEIGHTS}/step_{step:09}.safetensors"


def optimizer_file(step: int) -> str:
    """The optimizer's state of a kept step, within the run's folder."""
    return f"{WEIGHTS}/step_{step:09}.optimizer.safetensors"
