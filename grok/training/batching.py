"""Which runs can be batched: those whose configurations differ only in per-replica keys.

A key is per-replica if the class that uses it, named by a `_target_` or `Settings`, lists it in `per_replica_keys`;
`*` stands for any name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any

from grok.configuration import ORDERED, leaves, value_at
from grok.training.settings import Settings


def shared_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values, by dotted key, that all replicas of a batch must share."""
    patterns = [*_per_replica_patterns(config)]
    shared = {key: value for key, value in leaves(config) if not any(fnmatchcase(key, each) for each in patterns)}
    return {**shared, ORDERED: [*(value_at(config, ORDERED) or {})]}


def can_batch(config: Mapping[str, Any]) -> bool:
    """Whether replicas of this model can be batched; a model that computes one network at a time declares
    `batchable = False`."""
    model = config.get("model")
    return not isinstance(model, Mapping) or "_target_" not in model or bool(class_attribute(model, "batchable", True))


def class_attribute(config: Mapping[str, Any], name: str, default: Any) -> Any:
    """An attribute of the class that a `_target_` names; the default if there is no such class or attribute.

    It reads classes before their objects are made. A class without the base that its group requires is reported then.
    """
    module, _, target = str(config["_target_"]).rpartition(".")
    try:
        return getattr(getattr(import_module(module), target), name, default)
    except (ImportError, AttributeError, ValueError):
        return default  # a wrong target is reported when the object is made


def _per_replica_patterns(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Patterns of the dotted keys that are per-replica."""
    keys: Collection[str] = () if prefix else Settings.per_replica_keys_of(config)
    if "_target_" in config:
        keys = class_attribute(config, "per_replica_keys", ())
    yield from (prefix + key for key in keys)
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _per_replica_patterns(value, f"{prefix}{name}.")
