"""W&B mirrors the record: online if that needs no prompt, otherwise offline."""

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

from grok.checks import UserError, check_choice
from grok.records.files import write_json

MODES = ("auto", "online", "offline", "disabled")
PROBE_SECONDS = 2.0
INIT_SECONDS = 20.0
FINISH_SECONDS = 60.0  # limit for sending the rest at the end; what is left stays in the folder for `wandb sync`


def wandb_logger(
    *, project: str, entity: str | None, group: str | None, mode: str, dir: str, folder: Path, config: Mapping[str, Any]
) -> WandbLogger:
    """Lightning's logger for the run in `folder`; a resumed run continues its own W&B run.

    W&B plots every metric against the explicit `step`. `dir` holds the data of all runs (`<dir>/wandb/`).

    Raises:
        UserError: `mode=online`, and the server refuses or does not answer.
    """
    check_choice("logger.mode", mode, MODES)
    os.environ.setdefault("WANDB_SILENT", "true")  # `finish_run` says what matters
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
        run = _init_run(resolve_mode(mode), fall_back=mode == "auto", arguments=arguments)
    except (wandb.errors.Error, ValueError) as error:  # ValueError: a setting that W&B cannot read
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"logger.mode={mode}: W&B refused ({reason}); logger=none goes without it") from error
    for counter in ("step", "trainer/global_step"):
        run.define_metric(counter, hidden=True)
    run.define_metric("*", step_metric="step")
    return WandbLogger(experiment=run)


def resolve_mode(mode: str) -> str:
    """The mode of W&B to use. Never prompts.

    The environment variable WANDB_MODE overrides `mode`. `auto` is the mode set by `wandb offline` or `wandb disabled`
    in this folder if there is one, else online if credentials exist and the server answers, else offline.
    """
    if switch := os.environ.get("WANDB_MODE"):
        check_choice("WANDB_MODE", switch, (*MODES[1:], "dryrun", "shared"))
        return switch
    if mode != "auto":
        return mode
    in_folder = str(wandb.setup().settings.mode)  # `wandb offline` or `wandb disabled` in this folder
    if in_folder != "online":
        return in_folder
    return "online" if _have_credentials() and _server_answers() else "offline"


def log_outputs(
    logger: WandbLogger, record: xr.Dataset, *, summary: Mapping[str, Any], figures: Mapping[str, Path]
) -> None:
    """Log the outputs of a finished run: its summary, its figures, and train and test accuracy in one chart."""
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


def finish_run(logger: WandbLogger, *, succeeded: bool) -> str:
    """Finish the W&B run; returns one line that says how to view it."""
    run = logger.experiment
    run.finish(exit_code=0 if succeeded else 1)
    if run.settings.mode == "disabled":
        return "W&B disabled"
    if run.url:
        return f"W&B {run.url}"
    folder = Path(run.settings.sync_dir)
    return f"W&B offline: `wandb leet {folder.parent}` shows it here, `wandb sync {folder}` sends it to an account"


def _init_run(mode: Any, *, fall_back: bool, arguments: Mapping[str, Any]) -> Any:
    """A W&B run in this mode; offline if the server refuses and `fall_back` allows it."""
    settings = wandb.Settings(init_timeout=INIT_SECONDS, finish_timeout=FINISH_SECONDS)
    try:
        return wandb.init(mode=mode, settings=settings, **arguments)
    except wandb.errors.Error:
        if not fall_back or mode == "offline":
            raise
        return wandb.init(mode="offline", settings=settings, **arguments)


def _run_id(file: Path) -> str:
    """The ID of this folder's W&B run, kept in a file beside the record so that a resumed run continues it.

    In a W&B sweep it is the ID that the agent assigned to this trial.
    """
    given = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    if given or not file.exists():
        write_json(file, {"id": given or uuid.uuid4().hex[:8]})
    return str(json.loads(file.read_text())["id"])


def _have_credentials() -> bool:
    """Whether W&B can log in without a prompt: a key in the environment, or one that `wandb login` saved in netrc."""
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
    """W&B's address from the environment, else from its settings, which read the environment only once."""
    return urllib.parse.urlsplit(os.environ.get("WANDB_BASE_URL") or wandb.setup().settings.base_url)


def _server_answers() -> bool:
    """Whether a server listens at W&B's address."""
    url = _server()
    try:
        socket.create_connection(
            (url.hostname, url.port or (443 if url.scheme == "https" else 80)), PROBE_SECONDS
        ).close()
    except OSError:
        return False
    return True
