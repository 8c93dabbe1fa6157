"""Mistakes a user can make, told in one line: the key, what was given, what is allowed."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection
from numbers import Real
from typing import Any

MISTAKE = 2  # the exit code for a user's mistake


class UserError(Exception):
    """A mistake on the command line, in a file or on the disk. Its text is one line; no traceback is shown."""


class FailedCellsError(Exception):
    """Cells of a sweep failed. The others have run, and what happened has been told."""


def whole(key: str, value: Any, *, least: int, most: int | None = None) -> None:
    """Refuse anything but a whole number from `least` to `most`."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < least or (most is not None and value > most):
        limit = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
        raise UserError(f"{key}={value}: must be a whole number {limit}")


def number(
    key: str, value: Any, *, least: float | None = None, above: float | None = None, below: float | None = None
) -> None:
    """Refuse anything but a finite number within the bounds."""
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    rules = {
        "at least": (least, operator.ge),
        "above": (above, operator.gt),
        "below": (below, operator.lt),
    }
    limits = [(words, bound, holds) for words, (bound, holds) in rules.items() if bound is not None]
    if not is_number or not all(holds(value, bound) for _, bound, holds in limits):
        allowed = " and ".join(f"{words} {bound:g}" for words, bound, _ in limits)
        raise UserError(f"{key}={value}: must be a number {allowed}".rstrip())


def choice(key: str, value: Any, allowed: Collection[str]) -> None:
    """Refuse anything but one of the allowed words."""
    if value not in allowed:
        raise UserError(f"{key}={value}: must be one of {', '.join(allowed)}")


def flag(key: str, value: Any) -> None:
    """Refuse anything but true or false."""
    if not isinstance(value, bool):
        raise UserError(f"{key}={value}: must be true or false")
