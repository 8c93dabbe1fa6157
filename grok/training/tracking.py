"""W&B as a mirror of the record: online where that works without a question, offline otherwise."""

from __future__ import annotations

import json
import netrc
import os
import socket
import urllib.parse
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pytorch_lightning.loggers import WandbLogger

import wandb
from grok.checks import UserError, choice
from grok.records.files import write_json

MODES = ("auto", "online", "offline", "disabled")
PROBE_SECONDS = 2.0
INIT_SECONDS = 20.0


def wandb_logger(
    *, project: str, entity: str | None, group: str | None, mode: str, dir: str, folder: Path, config: Mapping[str, Any]
) -> WandbLogger:
    """Lightning's logger on a W&B run for the cell in `folder`; a resumed cell goes on in its own run.

    Every metric is drawn against the explicit `step`. `dir` holds the data of all runs (`<dir>/wandb/`).

    Raises:
        UserError: `mode=online` and the server refuses or does not answer.
    """
    choice("logger.mode", mode, MODES)
    os.environ.setdefault("WANDB_SILENT", "true")  # its words are ours to say: see `how_to_look`
    arguments: dict[str, Any] = {
        "project": project,
        "entity": entity,
        "group": group,
        "name": "/".join(folder.parts[-2:]),
        "id": _run_id(folder / "wandb.json", project),
        "resume": "allow",
        "dir": dir,
        "config": dict(config),
        "reinit": "create_new",
    }
    chosen: Any = resolve_mode(mode)
    try:
        run = wandb.init(mode=chosen, settings=wandb.Settings(init_timeout=INIT_SECONDS), **arguments)
    except (wandb.errors.CommError, wandb.errors.AuthenticationError, wandb.errors.UsageError) as error:
        if mode != "auto":
            raise UserError(
                f"logger.mode={mode}: W&B refused ({str(error).splitlines()[0]}); logger.mode=offline always works"
            ) from error
        run = wandb.init(mode="offline", **arguments)
    for counter in ("step", "trainer/global_step"):
        run.define_metric(counter, hidden=True)
    run.define_metric("*", step_metric="step")
    return WandbLogger(experiment=run)


def resolve_mode(mode: str) -> str:
    """What `auto` means here: the user's own switch if there is one, else online if credentials are there and the
    server answers within seconds, else offline. Never asks."""
    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"]
    if mode != "auto":
        return mode
    switch = wandb.setup().settings.mode  # `wandb offline` or `wandb disabled` in this folder
    if switch != "online":
        return switch
    return "online" if _have_credentials() and _server_answers() else "offline"


def mirror(logger: WandbLogger, record: xr.Dataset, *, summary: Mapping[str, Any], figures: Mapping[str, Path]) -> None:
    """Send what a finished run leaves: its summary, its figures, and train and test accuracy in one chart."""
    run = logger.experiment
    run.summary.update({key: value for key, value in summary.items() if value is not None})
    shown = record.isel(step=record["step"].values > 0)
    steps = np.log10(shown["step"].values).tolist()
    accuracies = [shown[f"{part}_accuracy"].values.tolist() for part in ("train", "test")]
    both = wandb.plot.line_series(steps, accuracies, keys=["train", "test"], title="accuracy", xname="log10 step")
    run.log(
        {
            "step": int(record["step"][-1]),
            "accuracy": both,
            **{name: wandb.Image(str(path)) for name, path in figures.items()},
        }
    )


def finish(logger: WandbLogger) -> str:
    """End the W&B run and say in one line how to look at it."""
    run = logger.experiment
    run.finish()
    if run.settings.mode == "disabled":
        return "W&B disabled"
    if run.url:
        return f"W&B {run.url}"
    folder = Path(run.settings.sync_dir)
    return f"W&B offline: `wandb leet {folder.parent}` shows it here, `wandb sync {folder}` sends it to an account"


def _run_id(file: Path, project: str) -> str:
    """The W&B run of this folder: kept in a file beside the record, so that a resumed cell finds it again."""
    if not file.exists():
        write_json(file, {"project": project, "id": uuid.uuid4().hex[:8]})
    return str(json.loads(file.read_text())["id"])


def _have_credentials() -> bool:
    """Whether W&B could log in without asking: a key in the environment, or one that `wandb login` left in netrc."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = _server().hostname or ""
    for file in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        try:
            if file and netrc.netrc(Path(file).expanduser()).authenticators(host):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def _server() -> urllib.parse.SplitResult:
    """W&B's address: the environment's, else that of its settings, which read the environment only once."""
    return urllib.parse.urlsplit(os.environ.get("WANDB_BASE_URL") or wandb.setup().settings.base_url)


def _server_answers() -> bool:
    """Whether something listens at W&B's address."""
    url = _server()
    try:
        socket.create_connection(
            (url.hostname, url.port or (443 if url.scheme == "https" else 80)), PROBE_SECONDS
        ).close()
    except OSError:
        return False
    return True
