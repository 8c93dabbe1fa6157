"""A claim: a published statement, how our value is measured, and which values agree with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from grok.checks import UserError
from grok.records.per_run import per_run
from grok.reports.study.data import files_read
from grok.science.statistics.intervals import mean_interval

TICK_TOLERANCE = 1e-9  # between a swept value and the one that a claim names


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence with a published value, the measure of our value, and the bounds of agreement.

    `measure(*ticks, *values)` takes the ticks of each of `dims` in order, then the values of each quantity along these
    dimensions: those of one seed, or of all seeds if `seed` is one of `dims`. Without `step` in `dims`, a quantity is
    its final value in each run, or its curve reduced to a number by `reduce(steps, values)`.
    """

    claim: str
    source: str
    published: str
    bound_min: float | None  # the measured values that agree with the published one; None: unbounded
    bound_max: float | None
    rationale: str  # why these bounds
    quantity: str | Sequence[str | Sequence[str]]  # variables of the Dataset; an inner list is reduced to one number
    where: Mapping[str, Any]  # the swept values at which the claim is measured
    dims: Sequence[str]
    measure: Callable[..., float]
    scales: Sequence[str]  # the scales at which the claim can be judged
    not_judged_because: str = ""  # why not at other scales
    reduce: Callable[..., float] | None = None

    def judge(self, dataset: xr.Dataset, scale: str) -> dict[str, Any]:
        """The verdict: the mean over seeds, its 95 % interval, and whether the mean is within the bounds.

        `holds` is None if the claim is not judged: at another scale, on a sweep with altered keys, or without a
        finished seed. `files` has the SHA-256 of the kept results that the measure compares with, if it reads any.

        Raises:
            UserError: the Dataset lacks what the claim needs.
        """
        altered = dataset.attrs.get("altered", "")
        try:
            with files_read() as files:
                values = np.array([] if altered else self._values(dataset))
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"study.claims: {self.claim!r} cannot be measured on this sweep: {error}") from error
        measured = float(values.mean()) if values.size else math.nan
        low, high = mean_interval(values) if values.size > 1 else (math.nan, math.nan)
        not_judged = self._not_judged(altered, scale, values)
        n_seeds_together = len(self.where.get("seed", dataset["seed"])) if "seed" in self.dims else 1
        return {
            "study": dataset.attrs.get("study", ""),
            "claim": self.claim,
            "source": self.source,
            "published": self.published,
            "measured": _json_number(measured),
            "low": _json_number(low),
            "high": _json_number(high),
            "n": int(values.size * n_seeds_together),
            "holds": None if not_judged else self._agrees(measured),
            "scale": scale,
            "bound_min": self.bound_min,
            "bound_max": self.bound_max,
            "rationale": self.rationale,
            "not_judged_because": not_judged,
            **({"files": files} if files else {}),
        }

    def _agrees(self, measured: float) -> bool:
        """Whether a value is finite and within the bounds."""
        minimum = -math.inf if self.bound_min is None else self.bound_min
        maximum = math.inf if self.bound_max is None else self.bound_max
        return math.isfinite(measured) and minimum <= measured <= maximum

    def _not_judged(self, altered: str, scale: str, values: np.ndarray) -> str:
        """Why the claim is not judged; empty if it is."""
        if altered:
            return f"altered by {altered}"
        if scale not in self.scales:
            return self.not_judged_because or f"it is judged at scale {' or '.join(self.scales)}"
        return "" if values.size else "no seed has all its runs"

    def _values(self, dataset: xr.Dataset) -> list[float]:
        """The measured value of each seed whose runs are all finished; a single value if `seed` is in `dims`, or if no
        quantity has seeds."""
        chosen = dataset
        for key, value in self.where.items():
            is_number = isinstance(value, (int, float))
            nearest: Any = {"method": "nearest", "tolerance": TICK_TOLERANCE} if is_number else {}
            chosen = chosen.sel({key: value}, **nearest)
        together = "seed" in self.dims
        n_seeds = chosen.sizes["seed"] if any("seed" in chosen[name].dims for name in self._names()) else 1
        seeds = [chosen] if together else [chosen.isel(seed=number) for number in range(n_seeds)]
        return [self._value(part) for part in seeds if part["finished"].all()]

    def _names(self) -> list[str]:
        """The names of all quantities."""
        groups = [self.quantity] if isinstance(self.quantity, str) else self.quantity
        return [name for group in groups for name in ([group] if isinstance(group, str) else group)]

    def _value(self, dataset: xr.Dataset) -> float:
        """The measured value of one seed, or of all seeds together."""
        names = [self.quantity] if isinstance(self.quantity, str) else self.quantity
        quantities = [self._along_dims(dataset, name) for name in names]
        ticks = {dim: each[dim].values for each in quantities for dim in each.dims}
        return float(self.measure(*[ticks[dim] for dim in self.dims], *[each.values for each in quantities]))

    def _along_dims(self, dataset: xr.Dataset, names: str | Sequence[str]) -> xr.DataArray:
        """A quantity along those of `dims` that it has."""
        quantity = per_run(dataset, names, reduce=self.reduce, over_steps="step" in self.dims)
        return quantity.transpose(*[dim for dim in self.dims if dim in quantity.dims])


def _json_number(value: float) -> float | None:
    """The number; None for infinity and NaN, which JSON lacks."""
    return value if math.isfinite(value) else None
