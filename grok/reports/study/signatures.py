"""The arguments of a study's functions, compared with their signatures before anything is trained."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from itertools import takewhile
from typing import Any

from grok.checks import UserError

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_arguments(key: str, function: Callable[..., Any], given: Sequence[str] | None = None) -> None:
    """Require that a function takes its arguments: those that its partial sets by name, and those `given` in order.

    The names are checked in the partials among its arguments, too. What these will get besides is not known; nor is it
    for the function itself without `given`.

    Raises:
        UserError: an argument is unknown or missing, or the function takes more or fewer in order.
    """
    while isinstance(function, partial) and isinstance(function.func, partial):
        function = partial(function.func.func, *function.func.args, **function.func.keywords, **function.keywords)
    called, set_by_name, n_set = function, {}, 0
    if isinstance(function, partial):
        called, set_by_name, n_set = function.func, function.keywords, len(function.args)
    try:
        parameters = [*inspect.signature(called).parameters.values()][n_set:]
    except (TypeError, ValueError):  # a function of a C library may have no signature
        return
    _check_names(key, called, parameters, set_by_name)
    if given is not None:
        _check_needed(key, called, parameters, set_by_name)
        _check_number(key, called, parameters, set_by_name, given)
    for name, value in set_by_name.items():
        _check_nested(f"{key}.{name}", value)


def nearest(name: str, allowed: Collection[str]) -> str:
    """The words that suggest the most similar allowed name; empty if no name is similar."""
    found = difflib.get_close_matches(name, [*map(str, allowed)], n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def _check_names(
    key: str, called: Callable[..., Any], parameters: Sequence[inspect.Parameter], set_by_name: Collection[str]
) -> None:
    """Require that the arguments set by name are known."""
    names = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    by_name = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    unknown = [each for each in set_by_name if each not in names and not takes_any]
    if unknown:
        options = ", ".join(by_name) or "no arguments by name"
        near = nearest(unknown[0], names)
        raise UserError(f"{key}: {_name(called)} has no argument {unknown[0]}{near}; it takes {options}")


def _check_needed(
    key: str, called: Callable[..., Any], parameters: Sequence[inspect.Parameter], set_by_name: Collection[str]
) -> None:
    """Require that no argument is missing of those that must be set by name."""
    by_name = [each for each in parameters if each.kind is each.KEYWORD_ONLY and each.default is each.empty]
    if missing := [each.name for each in by_name if each.name not in set_by_name]:
        raise UserError(f"{key}: {_name(called)} needs the argument {', '.join(missing)}")


def _check_number(
    key: str,
    called: Callable[..., Any],
    parameters: Sequence[inspect.Parameter],
    set_by_name: Collection[str],
    given: Sequence[str],
) -> None:
    """Require that the function takes as many arguments in order as it will get."""
    in_order = [each for each in parameters if each.kind in POSITIONAL]
    accepted = [each.name for each in takewhile(lambda each: each.name not in set_by_name, in_order)]
    needed = [each for each in in_order if each.default is each.empty and each.name not in set_by_name]
    more = [each.name for each in parameters if each.kind is each.VAR_POSITIONAL]
    if len(needed) <= len(given) and (len(given) <= len(accepted) or more):
        return
    words = [*accepted, *(f"*{name}" for name in more)]
    raise UserError(
        f"{key}: {_name(called)} takes ({', '.join(words)}), but it will get {len(given)} "
        f"argument{'' if len(given) == 1 else 's'}: {', '.join(given) or 'none'}"
    )


def _check_nested(key: str, value: Any) -> None:
    """Check the partials in the value of an argument."""
    if isinstance(value, partial):
        check_arguments(key, value)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            _check_nested(f"{key}.{name}", each)
    elif isinstance(value, (list, tuple)):
        for number, each in enumerate(value):
            _check_nested(f"{key}.{number}", each)
    elif is_dataclass(value):
        for field in fields(value):
            _check_nested(f"{key}.{field.name}", getattr(value, field.name))


def _name(called: Callable[..., Any]) -> str:
    """The function's name; that of its module for the figures, which are all called `draw`."""
    name = str(getattr(called, "__name__", type(called).__name__))
    return str(called.__module__).rpartition(".")[2] if name == "draw" else name
