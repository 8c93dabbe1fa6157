"""How a command ends: one line for a user's mistake, a traceback for ours."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from grok.checks import EXIT_USER_ERROR, FailedRunsError, UserError, failed_trials, unknown_key
from grok.configuration import PACKAGES
from grok.help_page import help_page, options
from grok.override_checks import check_overrides, weight_decay_warning
from grok.training.settings import GROUPS
from grok.training.threads import limit_spinning

EXIT_FAILED = 1  # exit code if a run diverged or runs of a sweep failed
FULL_ERROR = "HYDRA_FULL_ERROR"  # set to 1 by a user who wants tracebacks for everything


def run(main: Callable[[], None], *, config_folder: Path) -> int:
    """Run a Hydra application; returns its exit code. A user's mistake is printed as one line."""
    limit_spinning()
    if os.environ.get(FULL_ERROR) == "1":
        _run_command(main, config_folder)
        return 0
    os.environ[FULL_ERROR] = "1"  # lets Hydra's errors pass through to here
    try:
        failed_trials.clear()
        _run_command(main, config_folder)
        return EXIT_FAILED if failed_trials else 0
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
    """Check the arguments, then print the help page or run the application."""
    _check_flags(sys.argv[1:], config_folder)
    sys.argv[1:] = sorted(sys.argv[1:], key=lambda each: each not in ("-m", "--multirun"))  # Hydra needs it first
    sys.argv[1:] = [each for argument in sys.argv[1:] for each in _expand_addition(argument)]
    overrides = [each for each in sys.argv[1:] if not each.startswith("-")]
    check_overrides(config_folder, overrides)
    if {"--help", "-h"} & set(sys.argv):
        print(help_page(config_folder, overrides), flush=True)
    else:
        if warning := weight_decay_warning(config_folder, overrides):
            print(f"warning: {warning}", file=sys.stderr)
        main()


@contextmanager
def user_errors_in_one_line(config_folder: Path) -> Iterator[None]:
    """End the process with one line on standard error for a user's mistake, before Hydra adds lines of its own."""
    try:
        yield
    except UserError as error:
        raise SystemExit(_print_error(str(error))) from None
    except OmegaConfBaseException as error:
        raise SystemExit(_print_error(_explain(error, sys.argv[1:], config_folder))) from None


def _check_flags(arguments: list[str], config_folder: Path) -> None:
    """Refuse what Hydra answers with a traceback."""
    if {"-m", "--multirun"} & set(arguments) and any(re.match(r"(--cfg|-c)(=|$)", each) for each in arguments):
        raise UserError("--cfg: shows the configuration of one run; leave out -m, and give one value for each key")
    for group in ("measure", "plot"):
        if f"{group}=null" in arguments:
            raise UserError(f"{group}=null: must be a list of names; the empty list is {group}=[]")
    for group in GROUPS:
        if f"{group}=null" in arguments:
            raise UserError(f"{group}=null: must be the name of a configuration, or keys with values")
    for given in arguments:
        group, _, value = given.partition("=")
        if value == "null" and (config_folder / group).is_dir():
            allowed = ", ".join(options(config_folder / group))
            raise UserError(f"{given}: must be one of {allowed}; ~{group} leaves it out")


def _expand_addition(argument: str) -> list[str]:
    """Hydra's overrides for arguments such as `+measure=circuit` or `+plot=[rings,maps]`, which add to a task's own."""
    added = re.fullmatch(r"(\+?)(measure|plot|optimizer/transform)=(.*)", argument)
    if not added:
        return [argument]
    plus, group, value = added.groups()
    names = [name.strip() for name in value.removeprefix("[").removesuffix("]").split(",")]
    if not plus:
        if group == "optimizer/transform":
            raise UserError(f"{argument}: write +{argument}, which adds to the transforms of the task")
        return [argument]
    if not all(name.isidentifier() for name in names) or (len(names) > 1 and not value.startswith("[")):
        raise UserError(f"{argument}: adds a name or a list [a,b], the same in all runs of a sweep")
    return [f"+{group}@{PACKAGES[group]}.{name}={name}" for name in names]


def _print_error(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return EXIT_USER_ERROR


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0]


def _explain(error: HydraException | OmegaConfBaseException, arguments: list[str], config_folder: Path) -> str:
    """One line for an error of Hydra's: the key, the given value, and the allowed values."""
    text = str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: must be one of {', '.join(options(config_folder / group))}"
    if missing := re.search(r"You must specify '(\w+)'", text):
        if unknown := _unknown_argument(arguments, config_folder):
            return str(unknown)
        allowed = [f"{missing[1]}={option}" for option in options(config_folder / missing[1])]
        return f"{missing[1]}: required; one of {', '.join(allowed)}"
    if ambiguous := re.search(r"Ambiguous value for argument '(.*)'", text):
        return f"{ambiguous[1]}: several values need a sweep, python train.py -m; a list is written [a,b]"
    if existing := re.search(r"Either remove \+ prefix: '(.*)'", text):
        return f"+{existing[1]}: the key exists; {existing[1]} sets it"
    if repeated := re.search(r"@([\w.]+) appears more than once in the final defaults list", text):
        return f"{repeated[1]}: the task has it already; {repeated[1]}.<key>=<value> sets one of its keys"
    if scale := re.search(r"Interpolation key 'study.scales.(\S+)' not found", text):
        chosen = next(each.removeprefix("study=") for each in arguments if each.startswith("study="))
        scales = OmegaConf.select(OmegaConf.load(config_folder / "study" / f"{chosen}.yaml"), "study.scales") or {}
        return f"scale={scale[1]}: must be one of {', '.join(map(str, scales))}"
    if sweep := re.search(r"Sweep parameters '(.*)' requires --multirun", text):
        return f"{sweep[1]}: several values need a sweep, python train.py -m"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {_first_line(text)}"
    return _explain_argument(text, arguments) or _first_line(text)


def _unknown_argument(arguments: list[str], config_folder: Path) -> UserError | None:
    """The error for an argument whose first name is neither a group nor a key of every run; None if there is none."""
    own = OmegaConf.load(config_folder / "train.yaml")
    groups = [path.name for path in sorted(config_folder.iterdir()) if path.is_dir()]
    known = [*dict.fromkeys([*groups, *(str(each) for each in own if each not in ("defaults", "hydra"))])]
    for argument in arguments:
        key = argument.partition("=")[0].lstrip("+~")
        if "=" in argument and not argument.startswith("-") and re.split(r"[./@]", key)[0] not in known:
            return unknown_key(argument, key, known)
    return None


def _explain_argument(text: str, arguments: list[str]) -> str | None:
    """The line for the argument that an error of Hydra's mentions; None if there is none."""
    for argument in arguments:
        if not argument.startswith("-") and (reason := _parse_error(argument)):
            return f"{argument}: cannot be read as key=value ({reason})"
        key = argument.split("=")[0].lstrip("+~")
        if f"'{key}'" in text or f"'{argument}'" in text or f" {key}" in text:
            return f"{argument}: {_first_line(text)}"
    return None


def _parse_error(argument: str) -> str | None:
    """Why an argument is not an override in Hydra's grammar; None if it is one."""
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException as error:
        return _first_line(str(error))
    return None
