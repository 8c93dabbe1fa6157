"""The points of the plane of exponents: published ones from a table, and ours from kept sweeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from grok.checks import UserError
from grok.reports.quanta.scaling import ScalingFit
from grok.reports.study.data import result, table

EXPONENTS = ("printed_n", "printed_d", "corrected_n", "corrected_d")
TEXTS = ("name", "paper", "source", "correction")
PARTS = ("", "_low", "_high")


@dataclass(frozen=True, kw_only=True)
class KeptFit:
    """A power law of the mean loss in a kept result, at these swept values."""

    study: str
    scaling: ScalingFit
    where: Mapping[str, Any]
    scale: str = "laptop"


@dataclass(frozen=True, kw_only=True)
class OwnPoint:
    """A point of ours: its exponents in parameters and in data."""

    name: str
    parameters: KeptFit
    data: KeptFit


def points(*, path: str, own: Sequence[OwnPoint]) -> xr.Dataset:
    """The published points along `point`; and ours, with 95 % intervals over seeds and their sources, along `own`.

    Raises:
        UserError: the table lacks a column or a source, or an exponent is not positive.
    """
    dataset = published_points(path).assign_coords(own=[each.name for each in own])
    for axis, fits in (("n", [each.parameters for each in own]), ("d", [each.data for each in own])):
        laws = np.array([_exponent(fit) for fit in fits])
        dataset = dataset.assign({f"own_{axis}{part}": ("own", laws[:, column]) for column, part in enumerate(PARTS)})
    sources = [f"{each.parameters.study} and {each.data.study} of this project" for each in own]
    return dataset.assign(own_source=("own", sources))


def published_points(path: str) -> xr.Dataset:
    """The published exponents as printed and as corrected, each with its paper, source and correction, by name.

    Raises:
        UserError: the table lacks a column or a source, or an exponent is not positive.
    """
    rows = table(path=path)
    if missing := [name for name in (*TEXTS, *EXPONENTS) if name not in rows]:
        raise UserError(f"study.data: {path}: has no column {', '.join(missing)}")
    for row, name in enumerate(rows["name"].values):
        if str(rows["source"].values[row]) in ("", "nan"):  # a column of empty fields is a column of NaN
            raise UserError(f"study.data: {path}: {name} has no source")
        for column in EXPONENTS:
            value = rows[column].values[row]
            if not (rows[column].dtype.kind == "f" and value > 0):
                raise UserError(f"study.data: {path}: {column} of {name} is {value}; it must be a number above 0")
    return rows.rename(row="point").assign_coords(point=rows["name"].values).drop_vars("name")


def _exponent(fit: KeptFit) -> tuple[float, float, float]:
    """The exponent of the falling loss, and its interval."""
    seeds = fit.scaling.points(result(study=fit.study, scale=fit.scale).sel(fit.where))
    law, _ = fit.scaling.fit_power_law(seeds)
    return -law.exponent, -law.high, -law.low
