"""W&B mirrors the record: online if that needs no prompt, otherwise offline."""

from __future__ import annotations

import json
import os
import shlex
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import wandb
import xarray as xr

from grok.checks import UserError
from grok.records.files import write_json
from grok.training.run_logger import RunLogger
from grok.training.wandb_mode import error_line, login_refusal, requested_mode, resolve_mode

INIT_SECONDS = 20.0
FINISH_SECONDS = 60.0  # limit for sending the rest at the end; what is left stays in the folder for `wandb sync`


class WandbRun(RunLogger):
    """A W&B run. It plots every metric against the explicit `step`."""

    def __init__(self, run: wandb.Run) -> None:
        super().__init__()
        self.run = run
        self.last_step = run.summary.get("step", -1)  # of a run that is resumed online; an offline run starts empty
        run.define_metric("step", hidden=True)
        run.define_metric("*", step_metric="step")

    @property
    def name(self) -> str | None:
        return self.run.project

    @property
    def version(self) -> str | None:
        return self.run.id

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:  # type: ignore[override]
        if step > self.last_step:
            self.run.log({"step": step, **metrics})
            self.last_step = step

    def log_outputs(self, record: xr.Dataset, *, summary: Mapping[str, Any], figures: Mapping[str, Path]) -> None:
        """Log the summary, the figures, and train and test accuracy in one chart."""
        self.run.summary.update({key: value for key, value in summary.items() if value is not None})
        shown = record.isel(step=record["step"].values > 0)
        steps = np.log10(shown["step"].values).tolist()
        accuracies = [shown[f"{part}_accuracy"].values.tolist() for part in ("train", "test")]
        both = wandb.plot.line_series(steps, accuracies, keys=["train", "test"], title="accuracy", xname="log10 step")
        images = {name: wandb.Image(str(path)) for name, path in figures.items()}
        self.run.log({"step": int(record["step"][-1]), "accuracy": both, **images})

    def finish(self, *, succeeded: bool) -> str:
        """Finish the W&B run; the line names what `wandb sync` must send if W&B did not receive all of it."""
        try:
            self.run.finish(exit_code=0 if succeeded else 1)
            reason = login_refusal() if self.run.url else ""
        except TimeoutError:
            reason = f"W&B did not receive all data within {FINISH_SECONDS:g} s"
        folder = Path(self.run.settings.sync_dir)
        if self.run.settings.mode == "disabled":
            return "W&B disabled"
        if reason:
            return f"{reason}: `wandb sync --include-online {shlex.quote(str(folder))}` sends this run"
        if self.run.url:
            return f"W&B {self.run.url}"
        shown, sent = (shlex.quote(str(each)) for each in (folder.parent, folder))
        return f"W&B offline: `wandb leet {shown}` shows it here, `wandb sync {sent}` sends it to an account"


def wandb_logger(
    *,
    project: str,
    entity: str | None,
    group: str | None,
    mode: str,
    dir: str,
    folder: Path,
    config: Mapping[str, Any],
    warn: Callable[[str], None],
) -> WandbRun:
    """The W&B run of the run in `folder`; a resumed run continues its own. `dir` has the data of all (`<dir>/wandb/`).

    Raises:
        UserError: the run must be online, and W&B refuses or does not answer.
    """
    arguments: dict[str, Any] = {
        "project": project,
        "entity": entity,
        "group": group,
        "name": "/".join(folder.parts[-2:]),
        "resume": "allow",
        "dir": dir,
        "config": dict(config),
        "reinit": "create_new",
    }
    try:
        return WandbRun(_init_run(folder / "wandb.json", requested_mode(mode), arguments, warn))
    except (wandb.errors.Error, ValueError) as error:  # ValueError: a setting that W&B cannot read
        raise UserError(f"logger.mode={mode}: W&B refused ({error_line(error)}); logger=none goes without it") from error


def _init_run(file: Path, requested: str, arguments: Mapping[str, Any], warn: Callable[[str], None]) -> wandb.Run:
    """A W&B run with the ID in the file; for `auto` an offline run with another ID if W&B refuses to start the first.

    The client keeps the first ID until the process ends.
    """
    mode: Any = resolve_mode(requested, warn=warn)
    settings = wandb.Settings(init_timeout=INIT_SECONDS, finish_timeout=FINISH_SECONDS, finish_timeout_raises=True)
    try:
        return wandb.init(mode=mode, id=_run_id(file), settings=settings, **arguments)
    except wandb.errors.Error as error:
        if requested != "auto" or mode == "offline":
            raise
        warn(f"W&B refused the run ({error_line(error)}): logging offline")
        file.unlink()
        return wandb.init(mode="offline", id=_run_id(file), settings=settings, **arguments)


def _run_id(file: Path) -> str:
    """The ID of this folder's W&B run, kept in a file beside the record so that a resumed run continues it.

    In a W&B sweep it is the ID that the agent assigned to this trial.
    """
    given = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    if given or not file.exists():
        write_json(file, {"id": given or uuid.uuid4().hex[:8]})
    return str(json.loads(file.read_text())["id"])
