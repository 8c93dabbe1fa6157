"""Reading a checkpoint before anything is built on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from grok.checks import UserError


def read(path: Path, *, data: Mapping[str, str]) -> Mapping[str, Any] | None:
    """What the checkpoint holds of a run on these data; None where there is no checkpoint.

    Raises:
        UserError: it cannot be read, or the run was begun on other data.
    """
    if not path.exists():
        return None
    try:
        own: Mapping[str, Any] = torch.load(path, weights_only=True, map_location="cpu")["grok"]
    except Exception as error:  # torch raises many kinds, by where the file is damaged
        reason = str(error).strip().splitlines()[0][:80] if str(error).strip() else type(error).__name__
        raise UserError(f"{path}: cannot be read as a checkpoint ({reason}); choose another hydra.run.dir") from error
    if any(own["data"][key] != data[key] for key in ("checksum", "split")):
        raise UserError(
            f"{path}: this run was begun on other data ({own['data']['source']}; {own['data']['split']}) than are "
            f"found now ({data['source']}; {data['split']}); bring those back, or choose another hydra.run.dir"
        )
    return own
