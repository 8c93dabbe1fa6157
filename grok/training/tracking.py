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
import wandb
import xarray as xr
from pytorch_lightning.loggers import WandbLogger

from grok.checks import UserError, choice
from grok.records.files import write_json

MODES = ("auto", "online", "offline", "disabled")
PROBE_SECONDS = 2.0
INIT_SECONDS = 20.0
FINISH_SECONDS = 60.0  # for what is still to be sent at the end; what is not stays in the folder for `wandb sync`


def wandb_logger(
    *, project: str, entity: str | None, group: str | None, mode: str, dir: str, folder: Path, config: Mapping[str, Any]
) -> WandbLogger:
    """Lightning's logger on a W&B run for the cell in `folder`; a resumed cell goes on in its own run.

    Every metric is drawn against the explicit `step`. `dir` holds the data of all runs (`<dir>/wandb/`).

    Raises:
        UserError: `mode=online` and the server refuses or does not answer.
    """
    choice("logger.mode", mode, MODES)
    os.environ.setdefault("WANDB_SILENT", "true")  # its words are ours to say: see `finish`
    arguments: dict[str, Any] = {
        "project": project,
        "entity": entity,
        "group": group,
        "name": "/".join(folder.parts[-2:]),
        "id": _run_id(folder / "wandb.json"),
        "resume": "allow",
        "dir": dir,
        "config": dict(config),
        "reinit": "create_new",
    }
    try:
        run = _start(resolve_mode(mode), fall_back=mode == "auto", arguments=arguments)
    except (wandb.errors.Error, ValueError) as error:  # ValueError: a setting that W&B cannot read
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"logger.mode={mode}: W&B refused ({reason}); logger=none goes without it") from error
    for counter in ("step", "trainer/global_step"):
        run.define_metric(counter, hidden=True)
    run.define_metric("*", step_metric="step")
    return WandbLogger(experiment=run)


def resolve_mode(mode: str) -> str:
    """What `auto` means here: the user's own switch if there is one, else online if credentials are there and the
    server answers within seconds, else offline. Never asks."""
    if switch := os.environ.get("WANDB_MODE"):
        choice("WANDB_MODE", switch, (*MODES[1:], "dryrun", "shared"))
        return switch
    if mode != "auto":
        return mode
    in_folder = str(wandb.setup().settings.mode)  # `wandb offline` or `wandb disabled` in this folder
    if in_folder != "online":
        return in_folder
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


def finish(logger: WandbLogger, *, ended_well: bool) -> str:
    """End the W&B run and say in one line how to look at it."""
    run = logger.experiment
    run.finish(exit_code=0 if ended_well else 1)
    if run.settings.mode == "disabled":
        return "W&B disabled"
    if run.url:
        return f"W&B {run.url}"
    folder = Path(run.settings.sync_dir)
    return f"W&B offline: `wandb leet {folder.parent}` shows it here, `wandb sync {folder}` sends it to an account"


def _start(mode: Any, *, fall_back: bool, arguments: Mapping[str, Any]) -> Any:
    """A W&B run in this mode, or offline where the server refuses and that is allowed."""
    settings = wandb.Settings(init_timeout=INIT_SECONDS, finish_timeout=FINISH_SECONDS)
    try:
        return wandb.init(mode=mode, settings=settings, **arguments)
    except wandb.errors.Error:
        if not fall_back or mode == "offline":
            raise
        return wandb.init(mode="offline", settings=settings, **arguments)


def _run_id(file: Path) -> str:
    """The W&B run of this folder: kept in a file beside the record, so that a resumed cell finds it again.

    In a sweep of W&B's it is the run that the agent has made for this trial.
    """
    given = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    if given or not file.exists():
        write_json(file, {"id": given or uuid.uuid4().hex[:8]})
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
