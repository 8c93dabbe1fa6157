"""How a command ends: one line for a user's mistake, a traceback for ours."""

from __future__ import annotations

import difflib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from grok.checks import EXIT_USER_ERROR, FailedRunsError, UserError
from grok.configuration import leaves
from grok.help_page import help_page, options
from grok.old_names import new_key

EXIT_FAILED = 1  # exit code if a run diverged or runs of a sweep failed
FULL_ERROR = "HYDRA_FULL_ERROR"  # set to 1 by a user who wants tracebacks for everything


def run(main: Callable[[], None], *, config_folder: Path) -> int:
    """Run a Hydra application; returns its exit code. A user's mistake is printed as one line."""
    if os.environ.get(FULL_ERROR) == "1":
        _run_command(main, config_folder)
        return 0
    os.environ[FULL_ERROR] = "1"  # lets Hydra's errors pass through to here
    try:
        _run_command(main, config_folder)
        return 0
    except FailedRunsError:
        return EXIT_FAILED
    except UserError as error:
        return _print_error(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        return _print_error(_explain(error, sys.argv[1:], config_folder))
    except BrokenPipeError:  # the reader of the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.filename is None or not isinstance(error, (PermissionError, FileNotFoundError, NotADirectoryError)):
            raise
        return _print_error(f"{error.filename}: {error.strerror}; hydra.run.dir must be a folder that can be written")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    finally:
        os.environ.pop(FULL_ERROR, None)


def _run_command(main: Callable[[], None], config_folder: Path) -> None:
    """Print the help page, or run the application."""
    _check_flags(sys.argv[1:])
    sys.argv[1:] = [each for argument in sys.argv[1:] for each in _added_to_list(argument)]
    if {"--help", "-h"} & set(sys.argv):
        overrides = [each for each in sys.argv[1:] if "=" in each and not each.startswith("-")]
        print(help_page(config_folder, overrides), flush=True)
    else:
        main()


@contextmanager
def user_errors_in_one_line() -> Iterator[None]:
    """End the process with one line on standard error for a user's mistake, before Hydra adds lines of its own."""
    try:
        yield
    except UserError as error:
        raise SystemExit(_print_error(str(error))) from None


def _check_flags(arguments: list[str]) -> None:
    """Refuse what Hydra answers with a traceback."""
    if {"-m", "--multirun"} & set(arguments) and any(re.match(r"(--cfg|-c)(=|$)", each) for each in arguments):
        raise UserError("--cfg: shows the configuration of one run; leave out -m, and give one value for each key")
    for group in ("measure", "plot"):
        if f"{group}=null" in arguments:
            raise UserError(f"{group}=null: must be a list of names; the empty list is {group}=[]")


def _added_to_list(argument: str) -> list[str]:
    """Hydra's overrides for `+measure=circuit` or `+plot=[rings,maps]`, which add to the lists that a task chooses."""
    added = re.fullmatch(r"\+(measure|plot)=(.*)", argument)
    if not added:
        return [argument]
    group, value = added.groups()
    names = [name.strip() for name in value.removeprefix("[").removesuffix("]").split(",")]
    if not all(name.isidentifier() for name in names) or (len(names) > 1 and not value.startswith("[")):
        raise UserError(f"{argument}: adds a name or a list [a,b]; a sweep needs whole lists, {group}=[a],[a,b]")
    return [f"+{group}@{group}.{name}={name}" for name in names]


def _print_error(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return EXIT_USER_ERROR


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0]


def _explain(error: HydraException | OmegaConfBaseException, arguments: list[str], config_folder: Path) -> str:
    """One line for an error of Hydra's: the key, the given value, and the allowed values."""
    text = str(error)
    if line := _renamed(arguments, text):
        return line
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: must be one of {', '.join(options(config_folder / group))}"
    if missing := re.search(r"You must specify '(\w+)'", text):
        allowed = [f"{missing[1]}={option}" for option in options(config_folder / missing[1])]
        return f"{missing[1]}: required; one of {', '.join(allowed)}"
    if ambiguous := re.search(r"Ambiguous value for argument '(.*)'", text):
        return f"{ambiguous[1]}: several values need a sweep, python train.py -m; a list is written [a,b]"
    if scale := re.search(r"Interpolation key 'study.scales.(\S+)' not found", text):
        return f"scale={scale[1]}: must be one of smoke, laptop, paper"
    if sweep := re.search(r"Sweep parameters '(.*)' requires --multirun", text):
        return f"{sweep[1]}: several values need a sweep, python train.py -m"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {_first_line(text)}"
    return _explain_argument(text, arguments, config_folder) or _first_line(text)


def _renamed(arguments: list[str], text: str) -> str | None:
    """The line for an argument with an old name that Hydra's error mentions; None if there is none."""
    for argument in arguments:
        key = argument.split("=")[0].lstrip("+~")
        if (new := new_key(key)) and key in text:
            return f"{argument}: renamed to {new}"
    return None


def _explain_argument(text: str, arguments: list[str], config_folder: Path) -> str | None:
    """The line for the argument that an error of Hydra's mentions; None if there is none."""
    for argument in arguments:
        if not argument.startswith("-") and (reason := _parse_error(argument)):
            return f"{argument}: cannot be read as key=value ({reason})"
        key = argument.split("=")[0].lstrip("+~")
        if f"'{key}'" in text or f"'{argument}'" in text or f" {key}" in text:
            return _unknown_key(argument, key, arguments, config_folder) or f"{argument}: {_first_line(text)}"
    return None


def _parse_error(argument: str) -> str | None:
    """Why an argument is not an override in Hydra's grammar; None if it is one."""
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException as error:
        return _first_line(str(error))
    return None


def _unknown_key(argument: str, key: str, arguments: list[str], config_folder: Path) -> str | None:
    """The line for a key that does not exist, with the allowed keys; None if it exists."""
    groups = {path.name for path in config_folder.iterdir() if path.is_dir()}
    GlobalHydra.instance().clear()
    try:
        parsed = OverridesParser.create().parse_overrides([each for each in arguments if each.split("=")[0] in groups])
        choices = [f"{each.key_or_group}={str(each.value()).split(',')[0]}" for each in parsed]
        with initialize_config_dir(str(config_folder.absolute()), version_base="1.3"):
            config = compose("train", overrides=choices)
    except (HydraException, OmegaConfBaseException):
        return None
    node, path = config, key.split(".")
    while path[0] in node and len(path) > 1 and isinstance(node[path[0]], DictConfig):
        node = node[path.pop(0)]
    above = key.split(".")[: -len(path)]
    if path[0] in node or (not above and path[0] in (*groups, "hydra")):
        return None
    allowed = [str(each) for each in node if not str(each).startswith("_")]
    meant = _suggestion(path, above, allowed, config)
    return f"{argument}: no such key{meant}; {'.'.join(above) or 'the top level'} has {', '.join(allowed)}"


def _suggestion(path: list[str], above: list[str], allowed: list[str], config: DictConfig) -> str:
    """The key that was probably meant: the same name in a group, or the nearest name at its level."""
    keys: Any = OmegaConf.to_container(config)
    in_groups = [each for each, _ in leaves(keys) if not above and path == each.split(".")[1:]]
    near = [".".join([*above, each, *path[1:]]) for each in difflib.get_close_matches(path[0], allowed, n=1)]
    found = [*in_groups, *near]
    return f" (did you mean {found[0]}?)" if found else ""
