"""Hydra's `instantiate`, with a user's mistakes reported in one line."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, TypeVar

from hydra import utils
from hydra.errors import InstantiationException

from grok.checks import UserError
from grok.old_names import new_key, new_target

T = TypeVar("T")


def instantiate(config: Mapping[str, Any], group: str, **derived: Any) -> Any:
    """The object that a configuration's `_target_` makes; `derived` arguments do not come from the user.

    Raises:
        UserError: the target refuses a value, or does not take a key.
    """
    try:
        if not derived:
            return utils.instantiate(config, _convert_="all")
        return utils.instantiate(config, _convert_="all", _partial_=True)(**derived)  # Hydra would unpack dataclasses
    except (InstantiationException, TypeError) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        if isinstance(cause, UserError):
            raise cause from None
        if isinstance(cause, TypeError) and (line := _unknown_key_message(config, group, derived)):
            raise UserError(line) from error
        if isinstance(cause, (TypeError, ImportError)) or cause is None:
            target, line = str(config.get("_target_")), " ".join(str(cause or error).split("\nfull_key")[0].split())
            raise UserError(f"{group}: {target} cannot be made ({line}){_renamed(line)}") from error
        raise cause from None


def instantiate_as(base: type[T], config: Mapping[str, Any], group: str, **derived: Any) -> T:
    """The object that a configuration makes, of a class that derives from `base`.

    Raises:
        UserError: the target refuses a value, does not take a key, or does not derive from the base.
    """
    return check_base(instantiate(config, group, **derived), base, group)


def check_base(found: Any, base: type[T], group: str) -> T:
    """Require an object of a class that derives from `base`.

    Raises:
        UserError: it is something else.
    """
    if not isinstance(found, base):
        raise UserError(f"{group}: {type(found).__name__} must derive from {base.__module__}.{base.__name__}")
    return found


def _renamed(line: str) -> str:
    """What an error message of Hydra's mentions by an old name, with the new one; empty if there is nothing."""
    targets = {name: new_target(name) for name in re.findall(r"'(grok\.[\w.]+)'", line)}
    return "".join(f"; {old} is now {new}" for old, new in targets.items() if new)


def instantiate_cached(config: Mapping[str, Any], group: str) -> Any:
    """The object of a configuration. Equal configurations of a frozen dataclass share one object, because Hydra takes
    milliseconds per object."""
    found = _instantiate_cached(json.dumps(config), group)
    # Not a contract: any class may be frozen or not, and dataclasses note it in this attribute only.
    is_frozen = getattr(getattr(found, "__dataclass_params__", None), "frozen", False)
    return found if is_frozen else instantiate(config, group)


@cache
def _instantiate_cached(config: str, group: str) -> Any:
    return instantiate(json.loads(config), group)


def _unknown_key_message(config: Mapping[str, Any], group: str, derived: Collection[str]) -> str | None:
    """The message for a key that the target does not take, with the keys that it takes; None if it takes all."""
    parameters = inspect.signature(utils.get_object(config["_target_"])).parameters
    unknown = [key for key in config if not key.startswith("_") and key not in parameters]
    if not unknown or any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return None
    key = f"{group}.{unknown[0]}"
    accepted = ", ".join(name for name in parameters if name not in derived or name in config) or "no keys"
    if new := new_key(key):
        return f"{key}={config[unknown[0]]}: renamed to {new}"
    return f"{key}={config[unknown[0]]}: {config['_target_']} takes {accepted}; ~{key} drops it"
