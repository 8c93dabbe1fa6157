"""Functions and dataclasses from the short form in which a study's YAML gives them.

A function is `name`, `{name: argument}` or `{name: {keyword: argument, …}}`. Its arguments are made according to their
annotations: where a function is expected, its short form, and where a dataclass is expected, its fields.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from grok.checks import UserError, as_typed_value
from grok.reports import panels
from grok.reports.study.signatures import nearest
from grok.science import statistics

FOLDERS = ("grok.science", "grok.reports", "")  # in which a name with dots is searched, in order


def function(key: str, value: Any) -> Callable[..., Any]:
    """The function with this short form; `key` is where it stands in the configuration.

    Raises:
        UserError: there is no such function, or an argument cannot be made.
    """
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, given),) = value.items()
    elif isinstance(value, str):
        name, given = value, None
    else:
        raise UserError(f"{key}={as_typed_value(value)}: must be a function's name, or {{name: arguments}}")
    found = _find(key, str(name))
    key = f"{key}.{name}"
    arguments = _by_keyword(key, found, given)
    hints = get_type_hints(found) if arguments else {}
    made = {each: _argument(f"{key}.{each}", hints.get(each), argument) for each, argument in arguments.items()}
    return partial(found, **made) if made else found


def check_keys(key: str, given: Collection[str], known: Collection[str], required: Collection[str] = ()) -> None:
    """Require that all given keys are known, and all required keys are given.

    Raises:
        UserError: a key is unknown or missing.
    """
    for each in given:
        if each not in known:
            raise UserError(f"{key}: no key {each}{nearest(each, known)}; there is {', '.join(known)}")
    if missing := [each for each in required if each not in given]:
        raise UserError(f"{key}: needs {', '.join(missing)}")


def _find(key: str, name: str) -> Callable[..., Any]:
    """The function with this name: of `grok.science.statistics` or a module of panels if the name has no dot."""
    if "." not in name:
        if name not in _short_names():
            raise UserError(f"{key}: no function {name}{nearest(name, _short_names())}")
        return _short_names()[name]
    path, _, attribute = name.rpartition(".")
    for folder in FOLDERS:
        module = f"{folder}.{path}".lstrip(".")
        try:
            found = getattr(import_module(module), attribute, None)
        except ModuleNotFoundError as error:
            if not f"{module}.".startswith(f"{error.name}."):
                raise UserError(f"{key}: {name} cannot be imported ({error})") from error
            continue
        if callable(found):
            return cast("Callable[..., Any]", found)
    raise UserError(f"{key}: no function {name}; it is searched in grok.science, in grok.reports, and as a full name")


@cache
def _short_names() -> dict[str, Callable[..., Any]]:
    """The functions that are known by one word."""
    found: dict[str, Callable[..., Any]] = {}
    for each in pkgutil.iter_modules(statistics.__path__, f"{statistics.__name__}."):
        module = import_module(each.name)
        functions = inspect.getmembers(module, inspect.isfunction)
        found |= {name: own for name, own in functions if own.__module__ == each.name and name[0] != "_"}
    for each in pkgutil.iter_modules(panels.__path__):
        found[each.name] = import_module(f"{panels.__name__}.{each.name}").draw
    return found


def _by_keyword(key: str, found: Callable[..., Any], given: Any) -> Mapping[str, Any]:
    """The given arguments by keyword; a single value is for the only keyword that the function needs.

    Raises:
        UserError: the function needs no keyword, or several.
    """
    if given is None or isinstance(given, Mapping):
        return given or {}
    parameters = inspect.signature(found).parameters.values()
    by_keyword = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    needed = [each.name for each in by_keyword if each.default is each.empty]
    if len(needed) != 1:
        options = ", ".join(each.name for each in by_keyword) or "no arguments by name"
        raise UserError(f"{key}={given}: {found.__name__} takes {options}; give them as {{name: value}}")
    return {needed[0]: given}


def _argument(key: str, kind: Any, value: Any) -> Any:
    """An argument of this kind: functions and dataclasses are made, also those in lists and mappings."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        kinds = [each for each in inner if each is not NoneType]
        return None if value is None else _argument(key, kinds[0], value)
    if origin is Callable:
        return function(key, value)
    if is_dataclass(kind):
        return _instance(key, kind, value)
    if origin is Sequence and isinstance(value, (list, tuple)):
        return [_argument(f"{key}.{number}", inner[0], each) for number, each in enumerate(value)]
    if origin is Mapping and isinstance(value, Mapping):
        return {name: _argument(f"{key}.{name}", inner[1], each) for name, each in value.items()}
    return value


def _instance(key: str, kind: Any, value: Any) -> Any:
    """The dataclass with these fields.

    Raises:
        UserError: a field is unknown or missing.
    """
    if not isinstance(value, Mapping):
        raise UserError(
            f"{key}={as_typed_value(value)}: must have the keys {', '.join(each.name for each in fields(kind))}"
        )
    required = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
    check_keys(key, value, [each.name for each in fields(kind)], required)
    hints = get_type_hints(kind)
    return kind(**{name: _argument(f"{key}.{name}", hints[name], each) for name, each in value.items()})
