"""A study: its claims judged on a sweep's Dataset, and its figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr
from rich.console import Console

from grok.records.files import write_json
from grok.reports.study.claim import Claim
from grok.reports.study.verdicts import terminal_table


@dataclass(frozen=True, kw_only=True)
class Study:
    """The part of a study's YAML that is not its sweep."""

    title: str
    scales: Mapping[str, Mapping[str, Any]]  # the presets of each scale; `preset` is that of the current one
    preset: Mapping[str, Any]
    figure: Callable[[xr.Dataset, Path], Path]
    claims: Mapping[str, Claim]
    published: Mapping[str, Any] = field(default_factory=dict)  # values shared by panels and claims

    def judge(self, dataset: xr.Dataset) -> list[dict[str, Any]]:
        """The verdicts on all claims, at the scale of the Dataset."""
        return [claim.judge(dataset, str(dataset.attrs["scale"])) for claim in self.claims.values()]

    def report(self, dataset: xr.Dataset, folder: Path, console: Console) -> list[dict[str, Any]]:
        """Write `verdict.json` and the figure into the folder; print and return the verdicts."""
        judged = self.judge(dataset)
        write_json(folder / "verdict.json", judged)
        console.print(terminal_table(self.title, judged))
        try:
            console.print(self.figure(dataset, folder / "figure.png"))
        except (KeyError, ValueError, TypeError) as error:  # the sweep lacks what the figure shows, or a key is wrong
            console.print(f"the study's figure is not drawn: {error}")
        console.print(folder / "verdict.json")
        return judged
