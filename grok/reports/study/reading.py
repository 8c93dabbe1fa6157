"""A study from its YAML, in which claims share defaults and functions have short names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from types import NoneType
from typing import Any

from grok.checks import UserError, as_typed_value
from grok.reports.study.claim import Claim
from grok.reports.study.short_form import check_keys, function
from grok.reports.study.study import Study
from grok.science.statistics.curves import scalar

# The parts of a claim besides its sentence, and their keys. A part that is not a mapping is the value of its first key.
CLAIM_PARTS = {
    "published": ("value", "source"),
    "bounds": ("min", "max", "rationale"),
    "measure": ("of", "over", "where", "reduce"),  # and a function
    "judged_at": ("scales", "not_judged_because"),
}
REQUIRED = {"published": ("value", "source"), "bounds": ("rationale",), "measure": ("of",), "judged_at": ("scales",)}
READ_HERE = ("claims", "claim_defaults", "figure", "data")


def read_study(found: Mapping[str, Any]) -> Study:
    """The study that a configuration describes. `claim_defaults` has the keys of the claims that lack them.

    Raises:
        UserError: a key is unknown or missing, or a function or a dataclass cannot be made.
    """
    known = [*(each.name for each in fields(Study)), "claim_defaults"]
    required = [each.name for each in fields(Study) if each.default is MISSING and each.default_factory is MISSING]
    check_keys("study", found, known, required)
    if not _is_list(found["papers"]):
        raise UserError(f"study.papers={found['papers']}: must be a list of papers, the main one first")
    for key in ("claims", "scales"):
        if not isinstance(found[key], Mapping):
            raise UserError(f"study.{key}={as_typed_value(found[key])}: must have keys with values")
    defaults = _parts("study.claim_defaults", found.get("claim_defaults", {}), [*CLAIM_PARTS])
    claims = {str(name): _claim(f"study.claims.{name}", each, defaults) for name, each in found["claims"].items()}
    data = function("study.data", found["data"]) if found.get("data") else None
    rest = {key: value for key, value in found.items() if key not in READ_HERE}
    rest["task"] = rest["task"] or "none"  # Hydra's choice of an untrained study is null
    return Study(figure=function("study.figure", found["figure"]), claims=claims, data=data, **rest)


def _claim(key: str, given: Any, defaults: Mapping[str, Mapping[str, Any]]) -> Claim:
    """The claim with these keys and the default ones."""
    own = _parts(key, given, ["claim", *CLAIM_PARTS])
    if any(name not in CLAIM_PARTS["measure"] for name in own.get("measure", {})):  # its function replaces the default
        kept = {name: value for name, value in defaults.get("measure", {}).items() if name in CLAIM_PARTS["measure"]}
        defaults = {**defaults, "measure": kept}
    parts = {name: {**defaults.get(name, {}), **own.get(name, {})} for name in CLAIM_PARTS}
    if "claim" not in given:
        raise UserError(f"{key}: needs claim")
    for name, required in REQUIRED.items():
        if missing := [each for each in required if each not in parts[name]]:
            raise UserError(f"{key}.{name}: needs {', '.join(missing)}")
    published, bounds, judged_at = parts["published"], parts["bounds"], parts["judged_at"]
    limits = [bounds.get(each) for each in ("min", "max")]
    if limits == [None, None] or not all(isinstance(each, (int, float, NoneType)) for each in limits):
        raise UserError(f"{key}.bounds={bounds}: must have the number min or max, or both")
    if not _is_list(judged_at["scales"]):
        raise UserError(f"{key}.judged_at.scales={judged_at['scales']}: must be a list")
    return Claim(
        claim=given["claim"],
        source=published["source"],
        published=published["value"],
        bound_min=limits[0],
        bound_max=limits[1],
        rationale=bounds["rationale"],
        **_measurement(f"{key}.measure", parts["measure"]),
        **judged_at,
    )


def _parts(key: str, given: Any, known: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The parts of a claim, each a mapping with known keys.

    Raises:
        UserError: a key is unknown, or a part is empty.
    """
    if not isinstance(given, Mapping):
        raise UserError(f"{key}={as_typed_value(given)}: must have keys with values")
    check_keys(key, given, known)
    found = {}
    for name in (each for each in given if each != "claim"):
        part, keys = given[name], CLAIM_PARTS[name]
        if part is None:
            raise UserError(f"{key}.{name}: is empty")
        found[name] = part if isinstance(part, Mapping) else {keys[0]: part}
        if name != "measure":
            check_keys(f"{key}.{name}", found[name], keys)
    return found


def _measurement(key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a claim that say how our value is measured.

    Without a function, it is the quantity itself; with one, it is by default a function of the curve.
    """
    functions = {name: value for name, value in given.items() if name not in CLAIM_PARTS["measure"]}
    if len(functions) > 1:
        raise UserError(f"{key}: has the functions {', '.join(map(str, functions))}; only one is allowed")
    reduce, where, over = given.get("reduce"), given.get("where", {}), given.get("over", ["step"] if functions else [])
    if not isinstance(given["of"], str) and not _is_list(given["of"]):
        raise UserError(f"{key}.of={given['of']}: must be a quantity, or a list of quantities")
    if not isinstance(where, Mapping):
        raise UserError(f"{key}.where={as_typed_value(where)}: must be {{swept key: value}}")
    if not isinstance(over, (list, tuple)):
        raise UserError(f"{key}.over={as_typed_value(over)}: must be a list, such as [step]")
    return {
        "quantity": given["of"],
        "where": where,
        "dims": over,
        "measure": function(key, functions) if functions else scalar,
        "reduce": None if reduce is None else function(f"{key}.reduce", reduce),
    }


def _is_list(value: Any) -> bool:
    """Whether a value is a list with something in it."""
    return isinstance(value, (list, tuple)) and bool(value)
