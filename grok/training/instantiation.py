"""Hydra's `instantiate`, with what a constructor refuses told as the user's mistake that it is."""

from __future__ import annotations

from collections.abc import Mapping
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
        if isinstance(cause, (TypeError, ImportError)) or cause is None:
            line = str(cause or error).strip().splitlines()[0]
            raise UserError(f"{group}: {config.get('_target_')} cannot be made ({line})") from error
        raise cause from None
