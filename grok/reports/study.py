"""A study: claims held against a sweep's Dataset, a figure with the published points, a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from grok.checks import UserError
from grok.records.files import write_json
from grok.records.sweep import of_cells
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
    quantity: str | Sequence[str | Sequence[str]]  # the variable of the Dataset that it is measured on, or several
    where: Mapping[str, Any]  # the swept values at which
    along: Sequence[str]  # the axes that the measure takes; where `step` is none of them, the last look counts
    # Of the axes' ticks, in order, and one seed's values of each quantity; those of all seeds where an axis is `seed`.
    measure: Callable[..., float]
    scales: Sequence[str]  # the scales at which it can be judged …
    otherwise: str = ""  # … and why not at others
    # Of what is read off each cell's curve over steps, not of the curve; off several together, a list in the list.
    of_curve: Callable[..., float] | None = None

    def judge(self, dataset: xr.Dataset, scale: str) -> dict[str, Any]:
        """The verdict: our mean over seeds, its interval, and whether the mean is within the bounds.

        None where it is not judged: at another scale, on a sweep whose keys were altered, without a finished seed.

        Raises:
            UserError: the Dataset lacks what the claim is measured on.
        """
        altered = dataset.attrs.get("altered", "")
        try:
            values = np.array([] if altered else self._values(dataset))
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"study.claims: {self.claim!r} cannot be measured on this sweep: {error}") from error
        why = f"altered by {altered}" if altered else "" if scale in self.scales else self.otherwise
        why = why or ("" if values.size else "no seed has all its cells")
        measured = float(values.mean()) if values.size else math.nan
        low, high = mean_interval(values) if values.size > 1 else (math.nan, math.nan)
        least = -math.inf if self.at_least is None else self.at_least
        most = math.inf if self.at_most is None else self.at_most
        within = math.isfinite(measured) and least <= measured <= most
        return {
            "study": dataset.attrs.get("study", ""),
            "claim": self.claim,
            "source": self.source,
            "published": self.published,
            "measured": _json_number(measured),
            "low": _json_number(low),
            "high": _json_number(high),
            "n": int(values.size * (len(self.where.get("seed", dataset["seed"])) if "seed" in self.along else 1)),
            "holds": None if why else within,
            "scale": scale,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "because": self.because,
            "not_judged": why,
        }

    def _values(self, dataset: xr.Dataset) -> list[float]:
        """The measured value of each seed all of whose cells are finished; where `seed` is an axis of the measure, the
        one value of all of them."""
        chosen = dataset
        for key, value in self.where.items():
            is_number = isinstance(value, (int, float))
            chosen = chosen.sel(
                {key: value}, method="nearest" if is_number else None, tolerance=1e-9 if is_number else None
            )
        together = "seed" in self.along
        seeds = [chosen] if together else [chosen.isel(seed=number) for number in range(chosen.sizes["seed"])]
        return [self._value(own) for own in seeds if own["finished"].all()]

    def _value(self, own: xr.Dataset) -> float:
        """The measured value of one seed, or of all together."""
        names = [self.quantity] if isinstance(self.quantity, str) else self.quantity
        quantities = [self._along(own, name) for name in names]
        ticks = {dim: each[dim].values for each in quantities for dim in each.dims}
        return float(self.measure(*[ticks[axis] for axis in self.along], *[each.values for each in quantities]))

    def _along(self, own: xr.Dataset, names: str | Sequence[str]) -> xr.DataArray:
        """A quantity along those of the measure's axes that it has."""
        quantity = of_cells(own, names, of_curve=self.of_curve, over_steps="step" in self.along)
        return quantity.transpose(*[axis for axis in self.along if axis in quantity.dims])


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study's YAML says besides its sweep."""

    title: str
    scales: Mapping[str, Mapping[str, Any]]  # the presets; `now` is the one in force
    now: Mapping[str, Any]
    figure: Callable[[xr.Dataset, Path], Path]
    claims: Mapping[str, Claim]
    published: Mapping[str, Any] = field(default_factory=dict)  # what panels and claims share, as ${study.published.…}

    def judge(self, dataset: xr.Dataset) -> list[dict[str, Any]]:
        """The verdicts on all claims, at the scale at which the Dataset was made."""
        return [claim.judge(dataset, str(dataset.attrs["scale"])) for claim in self.claims.values()]

    def report(self, dataset: xr.Dataset, folder: Path, console: Console) -> list[dict[str, Any]]:
        """Write `verdict.json` and the figure into the folder, print the verdicts, and give them."""
        judged = self.judge(dataset)
        write_json(folder / "verdict.json", judged)
        console.print(_table(self.title, judged))
        try:
            console.print(self.figure(dataset, folder / "figure.png"))
        except (KeyError, ValueError) as error:  # of a sweep that lacks what the figure shows
            console.print(f"the study's figure is not drawn: {error}")
        console.print(folder / "verdict.json")
        return judged


def holds(verdict: Mapping[str, Any]) -> str:
    """The verdict in a word or few."""
    if verdict["holds"] is None:
        return f"not judged at scale {verdict['scale']}: {verdict['not_judged']}"
    return "yes" if verdict["holds"] else "no"


def ours(verdict: Mapping[str, Any]) -> str:
    """Our value with its interval, which neither a single seed has nor what is measured of all seeds together; none
    where the claim is not judged, for its words are then of something else than what was run (`verdict.json` has the
    value)."""
    if verdict["holds"] is None:
        return "–"
    if verdict["measured"] is None:
        return "none"
    interval = "" if verdict["low"] is None else f" ({_number(verdict['low'])} – {_number(verdict['high'])})"
    return f"{_number(verdict['measured'])}{interval}"


def agrees_if(verdict: Mapping[str, Any]) -> str:
    """Which values of ours count as agreement."""
    least, most = (None if verdict[key] is None else _number(verdict[key]) for key in ("at_least", "at_most"))
    if least is None or most is None:
        return f"≥ {least}" if least is not None else f"≤ {most}" if most is not None else "any"
    return f"{least} – {most}"


def _table(title: str, judged: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in ("claim", "source", "published", "ours (interval over seeds)", "seeds", "holds?"):
        table.add_column(column, overflow="fold")
    for each in judged:
        table.add_row(each["claim"], each["source"], each["published"], ours(each), str(each["n"]), holds(each))
    return table


def _number(value: float | None) -> str:
    """Steps as whole numbers, the rest with three digits; what is not finite, as a step that never came, as none."""
    if value is None:
        return "none"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _json_number(value: float) -> float | None:
    return value if math.isfinite(value) else None
