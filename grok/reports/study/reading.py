"""A study from its YAML, in which claims share defaults and functions have short names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from grok.checks import UserError
from grok.old_names import CLAIM_KEYS
from grok.reports.study.claim import Claim
from grok.reports.study.short_form import check_keys, function
from grok.reports.study.study import Study
from grok.science.statistics.curves import scalar

CLAIM_PARTS = {  # the keys of a claim besides its sentence, and their keys; a part that is no mapping is its first key
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
    defaults = _parts("study.claim_defaults", found.get("claim_defaults", {}))
    claims = {str(name): _claim(f"study.claims.{name}", each, defaults) for name, each in found["claims"].items()}
    data = function("study.data", found["data"]) if found.get("data") else None
    rest = {key: value for key, value in found.items() if key not in READ_HERE}
    return Study(figure=function("study.figure", found["figure"]), claims=claims, data=data, **rest)


def _claim(key: str, given: Any, defaults: Mapping[str, Mapping[str, Any]]) -> Claim:
    """The claim with these keys and the default ones."""
    own = _parts(key, given)
    parts = {name: {**defaults.get(name, {}), **own.get(name, {})} for name in CLAIM_PARTS}
    if "claim" not in given:
        raise UserError(f"{key}: needs claim")
    for name, required in REQUIRED.items():
        if missing := [each for each in required if each not in parts[name]]:
            raise UserError(f"{key}.{name}: needs {', '.join(missing)}")
    published, bounds, judged_at = parts["published"], parts["bounds"], parts["judged_at"]
    return Claim(
        claim=given["claim"],
        source=published["source"],
        published=published["value"],
        bound_min=bounds.get("min"),
        bound_max=bounds.get("max"),
        rationale=bounds["rationale"],
        **_measurement(f"{key}.measure", parts["measure"]),
        **judged_at,
    )


def _parts(key: str, given: Any) -> dict[str, Mapping[str, Any]]:
    """The parts of a claim, each a mapping with known keys.

    Raises:
        UserError: a key is unknown, or is an old name.
    """
    if not isinstance(given, Mapping):
        raise UserError(f"{key}: must have keys with values")
    for each in given:
        if each in CLAIM_KEYS:
            raise UserError(f"{key}: {each} is now {CLAIM_KEYS[each]}")
    check_keys(key, given, ("claim", *CLAIM_PARTS))
    found = {}
    for name, known in CLAIM_PARTS.items():
        part = given.get(name, {})
        found[name] = part if isinstance(part, Mapping) else {known[0]: part}
        if name != "measure":
            check_keys(f"{key}.{name}", found[name], known)
    return found


def _measurement(key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a claim that say how our value is measured.

    Without a function, it is the quantity itself; with one, it is by default a function of the curve.
    """
    functions = {name: value for name, value in given.items() if name not in CLAIM_PARTS["measure"]}
    if len(functions) > 1:
        raise UserError(f"{key}: has the functions {', '.join(map(str, functions))}; only one is allowed")
    reduce = given.get("reduce")
    return {
        "quantity": given["of"],
        "where": given.get("where", {}),
        "dims": given.get("over", ["step"] if functions else []),
        "measure": function(key, functions) if functions else scalar,
        "reduce": None if reduce is None else function(f"{key}.reduce", reduce),
    }
