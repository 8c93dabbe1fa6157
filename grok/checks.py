"""Validation of a user's values. A mistake is one line: the key, the given value, the allowed values."""

from __future__ import annotations

import difflib
import json
import math
import operator
from collections.abc import Collection, Sequence
from numbers import Real
from typing import Any

import psutil

EXIT_USER_ERROR = 2  # exit code for a user's mistake
MAX_EXACT = 2**53  # every integer below it is a float

failed_trials: list[str] = []  # errors of an optimizing sweeper's runs, which do not end it but count in the exit code


class UserError(Exception):
    """A mistake on the command line, in a file or on the disk. Its text is one line, shown without a traceback."""


class FailedRunsError(Exception):
    """Runs of a sweep failed. The other runs have finished, and the errors have been printed."""


def as_typed_value(value: Any) -> str:
    """A value as a user types it: null, true and false instead of Python's words."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def check_int(key: str, value: Any, *, minimum: int | None = None, maximum: int | None = None) -> None:
    """Require an integer from `minimum` to `maximum`.

    Raises:
        UserError: the value is not such an integer.
    """
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if not is_int or (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        allowed = "" if minimum is None else f" of at least {minimum:,}"
        if minimum is not None and maximum is not None:
            allowed = f" from {minimum:,} to {maximum:,}"
        is_written_as_float = isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT
        written = f", written {int(value)}" if is_written_as_float else ""
        raise UserError(f"{key}={as_typed_value(value)}: must be an integer{allowed}{written}")


def check_float(
    key: str,
    value: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> None:
    """Require a finite number within the bounds; `above` and `below` are exclusive.

    Raises:
        UserError: the value is not such a number.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    bounds = {
        "at least": (minimum, operator.ge),
        "above": (above, operator.gt),
        "at most": (maximum, operator.le),
        "below": (below, operator.lt),
    }
    limits = [(words, bound, holds) for words, (bound, holds) in bounds.items() if bound is not None]
    if not is_number or not all(holds(value, bound) for _, bound, holds in limits):
        allowed = " and ".join(f"{words} {bound:g}" for words, bound, _ in limits)
        raise UserError(f"{key}={as_typed_value(value)}: must be a number {allowed}".rstrip())


def check_choice(key: str, value: Any, allowed: Collection[str]) -> None:
    """Require one of the allowed words.

    Raises:
        UserError: the value is another one.
    """
    if value not in allowed:
        raise UserError(f"{key}={as_typed_value(value)}: must be one of {', '.join(allowed)}")


def check_bool(key: str, value: Any) -> None:
    """Require true or false.

    Raises:
        UserError: the value is something else.
    """
    if not isinstance(value, bool):
        raise UserError(f"{key}={as_typed_value(value)}: must be true or false")


def require_memory(n_bytes: int) -> None:
    """Require free memory for several tensors together, each of which would fit alone.

    Raises:
        MemoryError: there is less. `grok.training.free_memory` names the key that needs it.
    """
    if n_bytes > psutil.virtual_memory().available:
        raise MemoryError(f"tried to allocate {n_bytes} bytes")


def unknown_key(
    given: str, key: str, allowed: Collection[str], *, depth: int = 0, meant: Sequence[str] = ()
) -> UserError:
    """The error for a dotted key whose name at this depth is not allowed; it suggests a key of `meant`, or the nearest
    allowed one."""
    names = key.split(".")
    near = difflib.get_close_matches(names[depth], allowed, n=1)
    suggested = [*meant, *(".".join([*names[:depth], each, *names[depth + 1 :]]) for each in near)]
    question = f" (did you mean {suggested[0]}?)" if suggested else ""
    mapping = ".".join(names[:depth]) or "the top level"
    return UserError(f"{given}: no such key{question}; {mapping} has {', '.join(allowed) or 'no keys'}")
