"""Which configurations can train side by side: those that differ only in what is a replica's own.

What is a replica's own is declared where it is used: a class that a `_target_` names, or `Settings`, lists the keys in
its `replica_wise`, with `*` for any name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any

from grok.configuration import leaves
from grok.training.settings import Settings


def shared_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved configuration that replicas side by side must share, by dotted keys."""
    own = [*_replica_wise(config)]
    return {key: value for key, value in leaves(config) if not any(fnmatchcase(key, pattern) for pattern in own)}


def batchable(config: Mapping[str, Any]) -> bool:
    """Whether replicas of this model can train side by side at all: a model whose kernels take one network declares
    `batchable = False`."""
    model = config.get("model")
    return not isinstance(model, Mapping) or "_target_" not in model or bool(declared(model, "batchable", True))


def declared(config: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    """What the class that a `_target_` names declares by this name."""
    module, _, target = str(config["_target_"]).rpartition(".")
    try:
        return getattr(getattr(import_module(module), target), name, otherwise)
    except (ImportError, AttributeError, ValueError):
        return otherwise  # a target that nothing has, which is told when the object is made


def _replica_wise(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The patterns of the keys that are a replica's own."""
    keys: Collection[str] = () if prefix else Settings.replica_wise
    if "_target_" in config:
        keys = declared(config, "replica_wise", ())
    yield from (prefix + key for key in keys)
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _replica_wise(value, f"{prefix}{name}.")
