"""Resolved configurations: the part that defines a run, values by dotted key, and differences between two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# removed from a run's configuration, after interpolations are resolved
SWEEP_GROUPS = ("cluster", "hydra", "scale", "study")
COMMAND_KEYS = ("dry_run", "stop_on_failure")  # what the command does with its runs; no part of a run's configuration
# the packages of the groups from which `+group=name` adds a configuration
PACKAGES = {"measure": "measure", "plot": "plot", "optimizer/transform": "optimizer.transforms"}

ORDERED = "optimizer.transforms"  # the mapping whose order matters


def as_typed(override: str) -> str:
    """An override as the user types it: `+measure=circuit` is composed as `+measure@measure.circuit=circuit`."""
    for group, package in PACKAGES.items():
        override = re.sub(rf"^\+{group}@{re.escape(package)}\.(\w+)=\1$", rf"+{group}=\1", override)
    return override


def run_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a composed configuration that defines a run."""
    return {key: value for key, value in config.items() if key not in (*SWEEP_GROUPS, *COMMAND_KEYS)}


def differences(one: Any, other: Any, key: str = "") -> Iterator[str]:
    """The dotted keys at which two resolved configurations differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        if key == ORDERED and one.keys() == other.keys() and [*one] != [*other]:
            yield key
        for name in sorted(one.keys() | other.keys()):
            yield from differences(one.get(name), other.get(name), f"{key}.{name}" if key else name)
    elif one != other:
        yield key


def leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a nested configuration with its dotted key; an empty mapping is a value."""
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def value_at(config: Any, key: str) -> Any:
    """The value at a dotted key; None if there is none."""
    for name in key.split("."):
        config = config.get(name) if isinstance(config, dict) else None
    return config
