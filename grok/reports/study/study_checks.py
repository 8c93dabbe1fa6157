"""What is wrong with a study, found before its sweep is trained."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from grok.checks import UserError
from grok.reports.panels import grid
from grok.reports.study.claim import TICK_TOLERANCE, Claim
from grok.reports.study.signatures import check_arguments, nearest
from grok.reports.study.study import Study

Dims = Mapping[str, Sequence[str]]  # of each quantity in the record of a run, by name


def check_functions(study: Study) -> None:
    """Require that the figure's function and those of all claims take their arguments, and that scales exist.

    Raises:
        UserError: an argument is unknown or missing, or the study has no such scale.
    """
    check_arguments("study.figure", study.figure, ["dataset", "path"])
    if getattr(study.figure, "func", None) is grid.draw:
        for row, panels in enumerate(getattr(study.figure, "keywords", {}).get("rows", ())):
            for column, panel in enumerate(panels):
                check_arguments(f"study.figure.rows.{row}.{column}", panel, ["axes", "dataset"])
    if study.data is not None:
        check_arguments("study.data", study.data, [])
    for name, claim in study.claims.items():
        key = f"study.claims.{name}"
        ticks = [f"the values of {dim}" for dim in claim.dims]
        quantities = [" and ".join(group) for group in _groups(claim)]
        check_arguments(f"{key}.measure", claim.measure, [*ticks, *quantities])
        if claim.reduce is not None:
            for group in _groups(claim):
                check_arguments(f"{key}.measure.reduce", claim.reduce, ["step", *group])
        for scale in claim.scales:
            if scale not in study.scales:
                near, options = nearest(scale, study.scales), ", ".join(study.scales)
                raise UserError(f"{key}.judged_at.scales: no scale {scale}{near}; the study has {options}")


def check_claims(study: Study, swept: Mapping[str, Sequence[Any]], recorded: Dims | None) -> None:
    """Require that the sweep gives what all claims are measured on.

    `swept` has the values of each swept key; no values if they are not known. `recorded` has the quantities of the
    Dataset and their dimensions besides the swept keys; None if they are not known. Then an unknown quantity is found
    when the claims are judged.

    Raises:
        UserError: a claim needs a quantity, a dimension or a swept value that the sweep does not have.
    """
    if study.claims and "seed" not in swept:
        raise UserError("study: hydra.sweeper.params must have seed, because claims are measured on each seed")
    inner = [dim for dims in (recorded or {}).values() for dim in dims]
    allowed = [*dict.fromkeys([*swept, "step", *inner])]
    for name, claim in study.claims.items():
        key = f"study.claims.{name}.measure"
        for each, dims in (("where", claim.where), ("over", claim.dims)):
            for dim in dims:
                if dim not in allowed and (recorded is not None or "." in dim):
                    raise UserError(f"{key}.{each}: no {dim}{nearest(dim, allowed)}; there is {', '.join(allowed)}")
        for dim, value in claim.where.items():
            _check_values(f"{key}.where.{dim}", value, swept.get(dim, ()))
        if recorded is not None:
            _check_quantities(key, claim, swept, {**recorded, "seed": ()})


def _groups(claim: Claim) -> list[list[str]]:
    """The quantities of a claim; those in a list are reduced to one number."""
    names = [claim.quantity] if isinstance(claim.quantity, str) else claim.quantity
    return [[each] if isinstance(each, str) else [*each] for each in names]


def _check_values(key: str, value: Any, known: Sequence[Any]) -> None:
    """Require that the values of `where` are swept, if it is known which values are."""
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if known and not any(_equal(each, other) for other in known):
            raise UserError(f"{key}={each!r}: is not swept at this scale; the values are {', '.join(map(repr, known))}")


def _equal(one: Any, other: Any) -> bool:
    """Whether the Dataset's coordinate `other` is the value `one` of a claim."""
    are_numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return abs(one - other) <= TICK_TOLERANCE if are_numbers else bool(one == other)


def _check_quantities(key: str, claim: Claim, swept: Collection[str], recorded: Dims) -> None:
    """Require that the quantities of a claim are recorded, and vary over its dimensions only."""
    for name in (each for group in _groups(claim) for each in group if each not in recorded):
        options = ", ".join(sorted(recorded))
        raise UserError(f"{key}.of: {name} is not recorded{nearest(name, recorded)}; the sweep has {options}")
    selected = {dim for dim, value in claim.where.items() if not isinstance(value, (list, tuple))}
    over_steps, found = "step" in claim.dims, set()
    for group in _groups(claim):
        own = [*swept, *_own_dims(group, recorded, reduced=claim.reduce is not None, over_steps=over_steps)]
        varies = [dim for dim in own if dim not in selected and (dim != "seed" or "seed" in claim.dims)]
        if extra := [dim for dim in varies if dim not in claim.dims]:
            over = ", ".join(extra)
            raise UserError(f"{key}.over: {group[-1]} varies over {over}, too; add it, or add its value to where")
        if over_steps and claim.reduce is None and "step" not in recorded[group[0]]:
            raise UserError(f"{key}.over: {group[0]} has no steps; leave out step")
        found |= {*varies}
    if missing := [dim for dim in claim.dims if dim not in found]:
        reason = "reduce leaves no steps" if missing == ["step"] and claim.reduce else "its quantity does not"
        raise UserError(f"{key}.over: the claim cannot vary over {missing[0]}, because {reason}")


def _own_dims(group: Sequence[str], recorded: Dims, *, reduced: bool, over_steps: bool) -> Iterator[str]:
    """The dimensions that the values of a quantity have besides the swept keys."""
    used = group if reduced else group[:1]
    dims = {dim: None for name in used for dim in recorded[name]}
    yield from (dim for dim in dims if dim != "step" or (over_steps and not reduced))
