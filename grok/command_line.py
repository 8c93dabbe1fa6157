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

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from grok.checks import EXIT_USER_ERROR, FailedRunsError, UserError
from grok.old_names import new_key

EXIT_FAILED = 1  # exit code if a run diverged or runs of a sweep failed
FULL_ERROR = "HYDRA_FULL_ERROR"  # set to 1 by a user who wants tracebacks for everything


def run(main: Callable[[], None], *, config_folder: Path) -> int:
    """Run a Hydra application; returns its exit code. A user's mistake is printed as one line."""
    if os.environ.get(FULL_ERROR) == "1":
        main()
        return 0
    if {"--help", "-h"} & set(sys.argv) and not any(argument.startswith(("task=", "study=")) for argument in sys.argv):
        return _print_help(config_folder)
    os.environ[FULL_ERROR] = "1"  # lets Hydra's errors pass through to here
    try:
        main()
        return 0
    except FailedRunsError:
        return EXIT_FAILED
    except UserError as error:
        return _print_error(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        return _print_error(_explain(error, sys.argv[1:], config_folder))
    except OSError as error:
        if error.filename is None or not isinstance(error, (PermissionError, FileNotFoundError, NotADirectoryError)):
            raise
        return _print_error(f"{error.filename}: {error.strerror}; hydra.run.dir must be a folder that can be written")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    finally:
        os.environ.pop(FULL_ERROR, None)


@contextmanager
def user_errors_in_one_line() -> Iterator[None]:
    """End the process with one line on standard error for a user's mistake, before Hydra adds lines of its own."""
    try:
        yield
    except UserError as error:
        raise SystemExit(_print_error(str(error))) from None


def _print_help(config_folder: Path) -> int:
    """Print the commands and the available configurations."""
    print(
        "python train.py task=<name> [key=value …]     train\n"
        "python train.py -m task=<name> key=a,b …        sweep\n"
        "python train.py study=<name> [scale=laptop]     sweep, draw the figure, and judge the claims\n"
    )
    for group in sorted({path.parent for path in config_folder.glob("*/*.yaml")}):
        print(f"{group.name}: {', '.join(_options(group))}")
    print(f"hydra/launcher: {', '.join(_options(config_folder / 'hydra' / 'launcher'))}")
    print("\npython train.py task=<name> --help lists all keys of a task with their values")
    return 0


def _options(group: Path) -> list[str]:
    return sorted(path.stem for path in group.glob("*.yaml"))


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
        return f"{group}={name}: must be one of {', '.join(_options(config_folder / group))}"
    if missing := re.search(r"You must specify '(\w+)'", text):
        options = [f"{missing[1]}={option}" for option in _options(config_folder / missing[1])]
        return f"{missing[1]}: required; one of {', '.join(options)}"
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
    *path, name = key.split(".")
    node = OmegaConf.select(config, ".".join(path)) if path else config
    if not isinstance(node, DictConfig) or name in node:
        return None
    allowed = [str(each) for each in node if not str(each).startswith("_")]
    near = difflib.get_close_matches(name, allowed, n=1)
    guess = f" (did you mean {'.'.join([*path, near[0]])}?)" if near else ""
    return f"{argument}: no such key{guess}; {'.'.join(path) or 'the top level'} has {', '.join(allowed)}"
