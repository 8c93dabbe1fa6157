"""How a command ends: in one line for a user's mistake, with the traceback for ours."""

from __future__ import annotations

import difflib
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from grok.checks import UserError

MISTAKE = 2  # the exit code for a user's mistake


def end_in_one_line(main: Callable[[], None], *, config_folder: Path) -> int:
    """Run a Hydra application and return its exit code, with one line on standard error where the user erred.

    With HYDRA_FULL_ERROR=1 every error shows its traceback.
    """
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        main()
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then lets its errors through to us, to be said in one line
    try:
        main()
    except UserError as error:
        return _say(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        return _say(_explain(error, config_folder))
    except OSError as error:
        if error.filename is None:
            raise
        return _say(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BaseException as error:
        if type(error).__name__ == "Interrupted":
            return 128 + error.args[0]
        raise
    finally:
        del os.environ["HYDRA_FULL_ERROR"]
    return 0


def _say(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return MISTAKE


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0]


def _explain(error: HydraException | OmegaConfBaseException, config_folder: Path) -> str:
    """Hydra's word for a mistake on the command line, with the key, what was given, and what is allowed."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: must be one of {', '.join(sorted(error.options))}"
    text = str(error)
    if mandatory := re.search(r"You must specify '(\w+)'", text):
        group = mandatory[1]
        options = sorted(path.stem for path in (config_folder / group).glob("*.yaml"))
        return f"{group}: must be given, as {group}=<name>; one of {', '.join(options)}"
    for override in sys.argv[1:]:
        key = override.split("=")[0].lstrip("+~")
        if f"'{key}'" in text or f"'{override}'" in text:
            return _unknown_key(override, key, config_folder) or f"{override}: {_first_line(text)}"
    return _first_line(text)


def _unknown_key(override: str, key: str, config_folder: Path) -> str | None:
    """What is allowed beside a key that does not exist; None where it does exist."""
    groups = {path.name for path in config_folder.iterdir() if path.is_dir()}
    chosen = [argument for argument in sys.argv[1:] if argument.split("=")[0] in groups and "=" in argument]
    GlobalHydra.instance().clear()
    try:
        parsed = OverridesParser.create().parse_overrides(chosen)
        first_choices = [f"{each.key_or_group}={str(each.value()).split(',')[0]}" for each in parsed]
        with initialize_config_dir(str(config_folder.absolute()), version_base="1.3"):
            config = compose("train", overrides=first_choices)
    except (HydraException, OmegaConfBaseException):
        return None
    *path, name = key.split(".")
    node = OmegaConf.select(config, ".".join(path)) if path else config
    if not isinstance(node, DictConfig) or name in node:
        return None
    allowed = [str(each) for each in node if not str(each).startswith("_")]
    near = difflib.get_close_matches(name, allowed, n=1)
    guess = f" (did you mean {'.'.join([*path, near[0]])}?)" if near else ""
    return f"{override}: no such key{guess}; {'.'.join(path) or 'the top level'} has {', '.join(allowed)}"
