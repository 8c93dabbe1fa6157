"""Hydra's `instantiate`, with what a constructor refuses told as the user's mistake that it is."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from hydra import utils
from hydra.errors import InstantiationException

from grok.checks import UserError


def instantiate(config: Mapping[str, Any], group: str, **derived: Any) -> Any:
    """The object that a configuration's `_target_` makes; `derived` arguments come from elsewhere than the user.

    Raises:
        UserError: a value is refused, or a key is not one that the target takes.
    """
    try:
        return utils.instantiate(config, _convert_="all", **derived)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        if isinstance(cause, TypeError) and (line := _unknown(config, group, derived)):
            raise UserError(line) from error
        if isinstance(cause, (TypeError, ImportError)) or cause is None:
            line = str(cause or error).strip().splitlines()[0]
            raise UserError(f"{group}: {config.get('_target_')} cannot be made ({line})") from error
        raise cause from None


def instantiate_frozen(config: Mapping[str, Any], group: str) -> Any:
    """The object of a configuration, a task or an optimiser's settings. Of a frozen dataclass it is made once for all
    cells that say the same, as Hydra takes milliseconds for each."""
    found = _once(json.dumps(config), group)
    is_frozen = getattr(getattr(found, "__dataclass_params__", None), "frozen", False)
    return found if is_frozen else instantiate(config, group)


@cache
def _once(config: str, group: str) -> Any:
    return instantiate(json.loads(config), group)


def _unknown(config: Mapping[str, Any], group: str, derived: Collection[str]) -> str | None:
    """The key that the target does not take, with those that it takes of the user; None where it takes all."""
    parameters = inspect.signature(utils.get_object(config["_target_"])).parameters
    unknown = [key for key in config if not key.startswith("_") and key not in parameters]
    if not unknown or any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return None
    key, taken = unknown[0], ", ".join(name for name in parameters if name not in derived)
    return f"{group}.{key}={config[key]}: {config['_target_']} takes {taken}; ~{group}.{key} drops it"
