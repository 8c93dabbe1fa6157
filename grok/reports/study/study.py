"""A study: its claims judged on a sweep's Dataset, and its figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr
from rich.console import Console

from grok.records.files import write_json
from grok.reports.study.claim import Claim
from grok.reports.study.signatures import nearest
from grok.reports.study.verdicts import terminal_lines


@dataclass(frozen=True, kw_only=True)
class Study:
    """The part of a study's YAML that is not its sweep."""

    title: str
    papers: Sequence[str]  # whose claims it tests; the ledger has it under the first
    mechanism: str  # the explanation of late generalization or of scaling that it is about
    task: str  # what is learned; none if the study trains nothing
    scales: Mapping[str, Mapping[str, Any]]  # the presets of each scale; `preset` is that of the current one
    preset: Mapping[str, Any]
    figure: Callable[[xr.Dataset, Path], Path]
    claims: Mapping[str, Claim]
    published: Mapping[str, Any] = field(default_factory=dict)  # values shared by panels and claims
    data: Callable[[], xr.Dataset] | None = None  # makes the Dataset of a study that trains nothing

    def judge(self, dataset: xr.Dataset) -> list[dict[str, Any]]:
        """The verdicts on all claims, at the scale of the Dataset."""
        return [claim.judge(dataset, str(dataset.attrs["scale"])) for claim in self.claims.values()]

    def report(self, dataset: xr.Dataset, folder: Path, console: Console) -> list[dict[str, Any]]:
        """Write `verdict.json` and the figure into the folder; print and return the verdicts."""
        judged = self.judge(dataset)
        write_json(folder / "verdict.json", judged)
        for line in terminal_lines(self.title, judged, console.width):
            console.print(line)
        try:
            console.print(self.figure(dataset, folder / "figure.png"))
        except (KeyError, ValueError, TypeError) as error:  # the sweep lacks what the figure shows, or a key is wrong
            console.print(f"the study's figure is not drawn: {_missing_text(error, dataset)}")
        console.print(folder / "verdict.json")
        return judged


def _missing_text(error: Exception, dataset: xr.Dataset) -> str:
    """What a figure needs and the sweep or the figure's keys do not have, in words."""
    text, swept = str(error.args[0] if error.args else error), ", ".join(map(str, dataset["finished"].dims))
    if found := re.match(r"No variable named '(.+?)'", text):
        return f"the sweep has no quantity {found[1]}{nearest(found[1], [*map(str, dataset.data_vars)])}"
    if found := re.match(r"'(.+?)' is not a valid dimension", text):
        return f"the sweep is not over {found[1]}; it is over {swept}"
    if found := re.match(r"\(.*\) must be a permuted list of \((.*)\)", text):
        return f"it does not show all keys of the sweep: its quantity varies over {found[1].replace(chr(39), '')}"
    if found := re.match(r"Dimensions \{(.+?)\} do not exist", text):
        return f"its quantity does not vary over {found[1]}; the sweep is over {swept}"
    if found := re.match(r"not all values found in index '(.+?)'", text):
        ticks = ", ".join(map(str, dataset[found[1]].values.tolist()))
        return f"the sweep lacks a value of {found[1]} that the figure shows; it has {ticks}"
    return f"the figure's settings lack {text}" if isinstance(error, KeyError) else text
