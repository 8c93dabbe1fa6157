"""The configuration in a run's folder; a module of its own, so that it can be imported without xarray or torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from grok.checks import UserError
from grok.old_names import refuse_old_keys


def read_config(path: Path) -> dict[str, Any]:
    """The resolved configuration of a run.

    Raises:
        UserError: the file cannot be read, is no configuration, or is one with old names.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UserError(f"{path}: cannot be read ({reason})") from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: not the configuration of a run")
    refuse_old_keys(config, source=f"{path}: ", advice="; train it again, in another hydra.run.dir")
    return config
