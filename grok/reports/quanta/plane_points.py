"""The points of the plane of exponents: published ones from a table, and ours from kept sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from grok.checks import UserError
from grok.reports.quanta.scaling import ScalingFit
from grok.reports.study.data import result, table

EXPONENTS = ("printed_n", "printed_d", "corrected_n", "corrected_d")
TEXTS = ("name", "paper", "source", "correction", "evidence")
# Which corrections a version of the plane makes, by their evidence. Without a correction, a point stays as printed.
VERSIONS = {"certain": ("certain",), "refit": ("certain", "refit")}
EVIDENCE = ("", "certain", "refit", "unverified")


@dataclass(frozen=True, kw_only=True)
class KeptFit:
    """A power law of the mean loss in a kept result, at these swept values."""

    study: str
    scaling: ScalingFit
    where: Mapping[str, Any]
    scale: str = "laptop"


@dataclass(frozen=True, kw_only=True)
class OwnPoint:
    """A point of ours: its exponents in parameters and in data, of subtasks with the Zipf exponent α + 1."""

    name: str
    alpha: float
    parameters: KeptFit
    data: KeptFit


class Exponent(NamedTuple):
    """An exponent of the falling loss, with its 95 % interval over seeds."""

    value: float
    low: float
    high: float
    by_seed: dict[int, float]
    law: float  # that of the law for this number of subtasks, at the same points


def points(*, path: str, own: Sequence[OwnPoint]) -> xr.Dataset:
    """The published points along `point`; and ours, with 95 % intervals over seeds and their sources, along `own`.

    `seed_n` and `seed_d` are the exponents of each seed that all of our sweeps have.

    Raises:
        UserError: the table lacks a column or a source, names a point twice, or an exponent is not positive and finite.
    """
    found = [{"n": exponent(each.parameters, each.alpha), "d": exponent(each.data, each.alpha)} for each in own]
    seeds = sorted(set.intersection(*({*fit.by_seed} for each in found for fit in each.values())))
    variables: dict[str, Any] = {"own_source": ("own", [_own_source(each) for each in own])}
    for axis in "nd":
        fits = [each[axis] for each in found]
        for part, name in (("value", ""), ("low", "_low"), ("high", "_high")):
            variables[f"own_{axis}{name}"] = ("own", [getattr(fit, part) for fit in fits])
        variables[f"law_{axis}"] = ("own", [fit.law for fit in fits])
        variables[f"seed_{axis}"] = (("own", "seed"), [[fit.by_seed[seed] for seed in seeds] for fit in fits])
    return published_points(path).assign_coords(own=[each.name for each in own], seed=seeds).assign(variables)


def published_points(path: str) -> xr.Dataset:
    """The published exponents as printed and as corrected, each with its paper, source and correction, by name.

    `certain_…` has the certain corrections only, `refit_…` also the published refit.

    Raises:
        UserError: the table lacks a column or a source, names a point twice, or an exponent is not positive and finite.
    """
    rows = table(path=path)
    if missing := [name for name in (*TEXTS, *EXPONENTS) if name not in rows]:
        raise UserError(f"study.data: {path}: has no column {', '.join(missing)}")
    names = [str(name) for name in rows["name"].values]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UserError(f"study.data: {path}: {', '.join(twice)} is there more than once; names must differ")
    texts = {name: (("row",), [_text(value) for value in rows[name].values]) for name in TEXTS[1:]}
    rows = rows.assign(texts)
    for row, name in enumerate(names):
        _check_row(path, name, rows.isel(row=row))
    versions = {
        f"{version}_{axis}": rows[f"corrected_{axis}"].where(rows["evidence"].isin(made), rows[f"printed_{axis}"])
        for version, made in VERSIONS.items()
        for axis in "nd"
    }
    return rows.assign(versions).rename(row="point").assign_coords(point=names).drop_vars("name")


def exponent(fit: KeptFit, alpha: float) -> Exponent:
    """The exponent of a kept sweep, and that of its law with the constant of the same losses."""
    kept, scaling = result(study=fit.study, scale=fit.scale).sel(fit.where), fit.scaling
    seeds = scaling.points(kept)
    law, _ = scaling.fit_power_law(seeds)
    alone = [-scaling.fit_power_law([each])[0].exponent for each in seeds]
    by_seed = dict(zip(kept["seed"].values.tolist(), alone, strict=True))
    predicted = scaling.predicted_exponent(seeds, alpha, constant=scaling.constant(seeds, alpha))
    return Exponent(-law.exponent, -law.high, -law.low, by_seed, predicted)


def _check_row(path: str, name: str, row: xr.Dataset) -> None:
    """Require a source, a known kind of evidence, and exponents that are positive and finite."""
    if not row["source"].item():
        raise UserError(f"study.data: {path}: {name} has no source")
    if row["evidence"].item() not in EVIDENCE:
        options = ", ".join(EVIDENCE[1:])
        raise UserError(
            f"study.data: {path}: evidence of {name} is {row['evidence'].item()}; must be empty or {options}"
        )
    for column in EXPONENTS:
        value = row[column].item()
        if not (isinstance(value, float) and 0 < value < np.inf):
            raise UserError(f"study.data: {path}: {column} of {name} is {value}; it must be a finite number above 0")


def _text(value: object) -> str:
    """A text; empty for a field of an empty column, which is a column of NaN."""
    return "" if value != value else str(value)


def _own_source(point: OwnPoint) -> str:
    """The studies of this project whose sweeps give the point."""
    return f"fits to {' and '.join(dict.fromkeys((point.parameters.study, point.data.study)))} of this project"
