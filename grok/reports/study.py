"""A study: claims held against a sweep's Dataset, a figure with the published points, a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from grok.records.files import write_json
from grok.records.sweep import last_look
from grok.science.intervals import mean_interval


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence, what was published, how ours is measured, and which values of ours agree."""

    claim: str
    source: str
    published: str
    at_least: float | None  # the values of ours that agree with the published one …
    at_most: float | None
    because: str  # … and why these
    quantity: str  # the variable of the Dataset that it is measured on
    where: Mapping[str, Any]  # the swept values at which
    along: Sequence[str]  # the axes that the measure takes; where `step` is none of them, the last look counts
    measure: Callable[..., float]  # of the axes' ticks, in order, and one seed's values
    scales: Sequence[str]  # the scales at which it can be judged …
    otherwise: str = ""  # … and why not at others

    def judge(self, dataset: xr.Dataset, scale: str) -> dict[str, Any]:
        """The verdict: our mean over seeds, its interval, and whether it agrees (None: not judged at this scale)."""
        values = np.array(self._values(dataset)) if scale in self.scales else np.array([])
        judged = values.size > 0
        measured = float(values.mean()) if judged else math.nan
        low, high = mean_interval(values) if judged else (math.nan, math.nan)
        least = -math.inf if self.at_least is None else self.at_least
        most = math.inf if self.at_most is None else self.at_most
        why = "" if judged else self.otherwise if scale not in self.scales else "no cell to measure it on"
        return {
            "claim": self.claim,
            "source": self.source,
            "published": self.published,
            "measured": _json_number(measured),
            "low": _json_number(low),
            "high": _json_number(high),
            "n": int(values.size),
            "holds": math.isfinite(measured) and least <= measured <= most if judged else None,
            "scale": scale,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "because": self.because,
            "not_judged": why,
        }

    def _values(self, dataset: xr.Dataset) -> list[float]:
        """The measured value of each seed that has all it is measured on."""
        chosen = dataset[self.quantity]
        for key, value in self.where.items():
            chosen = (
                chosen.sel({key: value}, method="nearest", tolerance=1e-9)
                if _is_number(value)
                else chosen.sel({key: value})
            )
        seeds = [chosen.sel(seed=seed) for seed in chosen["seed"].values] if "seed" in chosen.dims else [chosen]
        found = []
        for own in seeds:
            if "step" in own.dims:
                own = own.dropna("step", how="all")
                if own.size == 0:
                    continue
                own = own if "step" in self.along else last_look(own)
            elif own.ndim == 0 and own.dtype.kind == "f" and not _has_run(dataset, self.where, own):
                continue
            found.append(
                float(self.measure(*[own[axis].values for axis in self.along], own.transpose(*self.along).values))
            )
        return found


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study's YAML says besides its sweep."""

    title: str
    scales: Mapping[str, Mapping[str, Any]]  # the presets; `now` is the one in force
    now: Mapping[str, Any]
    figure: Callable[[xr.Dataset, Path], Path]
    claims: Mapping[str, Claim]

    def judge(self, dataset: xr.Dataset) -> list[dict[str, Any]]:
        """The verdicts on all claims, at the scale at which the Dataset was made."""
        return [claim.judge(dataset, str(dataset.attrs["scale"])) for claim in self.claims.values()]

    def report(self, dataset: xr.Dataset, folder: Path, console: Console) -> None:
        """Write `verdict.json` and the figure into the folder, and print the verdicts."""
        judged = self.judge(dataset)
        write_json(folder / "verdict.json", judged)
        console.print(_table(self.title, judged))
        for path in (self.figure(dataset, folder / "figure.png"), folder / "verdict.json"):
            console.print(path)


def _has_run(dataset: xr.Dataset, where: Mapping[str, Any], own: xr.DataArray) -> bool:
    """Whether the cell that a summary's NaN belongs to was trained: NaN then means never."""
    accuracy = dataset["test_accuracy"].sel(where)
    return (
        bool(accuracy.sel(seed=own["seed"]).notnull().any()) if "seed" in own.coords else bool(accuracy.notnull().any())
    )


def holds(verdict: Mapping[str, Any]) -> str:
    """The verdict in a word or few."""
    if verdict["holds"] is None:
        return f"not judged at scale {verdict['scale']}: {verdict['not_judged']}"
    return "yes" if verdict["holds"] else "no"


def ours(verdict: Mapping[str, Any]) -> str:
    """Our value with its interval."""
    if verdict["holds"] is None:
        return "–"
    return f"{_number(verdict['measured'])} ({_number(verdict['low'])} – {_number(verdict['high'])})"


def _table(title: str, judged: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in ("claim", "source", "published", "ours (95 % interval)", "seeds", "holds?"):
        table.add_column(column)
    for each in judged:
        table.add_row(each["claim"], each["source"], each["published"], ours(each), str(each["n"]), holds(each))
    return table


def _number(value: float | None) -> str:
    """Steps as whole numbers, the rest with three digits."""
    if value is None:
        return "never"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _json_number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
