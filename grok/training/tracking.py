"""W&B mirrors the record: online if that needs no prompt, otherwise offline."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import wandb
from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError

from grok.checks import UserError
from grok.training.run_logger import Outputs, RunLogger
from grok.training.wandb_file import WANDB, note_session, run_id
from grok.training.wandb_mode import WITHOUT, error_line, login_refusal, requested_mode, resolve_mode

INIT_SECONDS = 20.0
FINISH_SECONDS = 60.0  # limit for sending the rest at the end; what is left stays in the folder for `wandb sync`
CLIENT_LOST = (ConnectionError, MailboxClosedError, HandleAbandonedError)  # the process that sends the data has died


class WandbRun(RunLogger):
    """A W&B run. It plots every metric against the explicit `step`. An error of W&B's ends the logging alone."""

    def __init__(self, run: wandb.Run, folder: Path) -> None:
        super().__init__()
        self.run, self.folder, self.client = run, folder, wandb.setup()
        self.missing = ""  # why W&B has not received everything
        self.data = str(Path(run.settings.sync_dir).absolute())
        self.last_step = run.summary.get("step", -1)  # of a run that is resumed online; an offline run starts empty
        if run.settings.mode != "disabled":
            note_session(folder, url=run.url, unsent=self.data)
        self._attempt(partial(run.define_metric, "step", hidden=True))
        self._attempt(partial(run.define_metric, "*", step_metric="step"))

    @property
    def name(self) -> str | None:
        return self.run.project

    @property
    def version(self) -> str | None:
        return self.run.id

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:  # type: ignore[override]
        if step > self.last_step and not self.missing:
            self._attempt(partial(self.run.log, {"step": step, **metrics}))
            self.last_step = step

    def finish(self, outputs: Outputs | None) -> str:
        """Log the summary and the figures, and finish the W&B run; the line names what W&B did not receive."""
        if outputs and not self.missing:
            self._attempt(partial(self._log_outputs, outputs))
        self._attempt(partial(self.run.finish, exit_code=0 if outputs else 1))
        if self.run.settings.mode == "disabled":
            return "W&B disabled"
        if self.run.url and not self.missing:
            self._attempt(self._note_sent)
        data = shlex.quote(self.data)
        if self.missing:
            return f"{self.missing}: `wandb sync --include-online {data}` sends this run"
        if self.run.url:
            return f"W&B {self.run.url}"
        shown = shlex.quote(str(Path(self.data).parent))
        return f"W&B offline: `wandb leet {shown}` shows it here, `wandb sync {data}` sends it to an account"

    def _attempt(self, call: Callable[[], object]) -> None:
        """Call W&B; the first error is kept in `missing`."""
        try:
            call()
        except TimeoutError:
            self.missing = self.missing or f"W&B did not receive all data within {FINISH_SECONDS:g} s"
        except Exception as error:
            self.missing = self.missing or f"W&B stopped ({error_line(error)})"
            if isinstance(error, CLIENT_LOST) and wandb.setup() is self.client:
                with suppress(Exception, SystemExit):
                    wandb.teardown()  # the next run gets another process

    def _note_sent(self) -> None:
        """Note that W&B has all data if its server still accepts the login: the client drops what a server refuses."""
        self.missing = login_refusal()
        if not self.missing:
            note_session(self.folder, url=self.run.url, unsent=None)

    def _log_outputs(self, outputs: Outputs) -> None:
        record, figures = outputs.record, outputs.figures
        self.run.summary.update({key: value for key, value in outputs.summary.items() if value is not None})
        shown = record.isel(step=record["step"].values > 0)
        steps = np.log10(shown["step"].values).tolist()
        accuracies = [shown[f"{part}_accuracy"].values.tolist() for part in ("train", "test")]
        both = wandb.plot.line_series(steps, accuracies, keys=["train", "test"], title="accuracy", xname="log10 step")
        images = {"step": int(record["step"][-1])} | {name: wandb.Image(str(path)) for name, path in figures.items()}
        try:
            self.run.log({**images, "accuracy": both})
        except wandb.errors.Error:  # for the chart's table alone, the client asks the server
            self.run.log(images)


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
        return WandbRun(_init_run(folder, requested_mode(mode), arguments, warn), folder)
    except (wandb.errors.Error, ValueError) as error:  # ValueError: a setting that W&B cannot read
        raise UserError(f"logger.mode={mode}: W&B refused ({error_line(error)}); {WITHOUT}") from error


def _init_run(folder: Path, requested: str, arguments: Mapping[str, Any], warn: Callable[[str], None]) -> wandb.Run:
    """A W&B run with the ID of this folder. If W&B refuses to start it, `auto` starts an offline run.

    That run has another ID, because the client does not release the first.
    """
    mode: Any = resolve_mode(requested, warn=warn)
    settings = wandb.Settings(init_timeout=INIT_SECONDS, finish_timeout=FINISH_SECONDS, finish_timeout_raises=True)
    try:
        return wandb.init(mode=mode, id=run_id(folder), settings=settings, **arguments)
    except wandb.errors.Error as error:
        if requested != "auto" or mode == "offline":
            raise
        warn(f"W&B refused the run ({error_line(error)}): logging offline")
        (folder / WANDB).unlink()
        return wandb.init(mode="offline", id=run_id(folder), settings=settings, **arguments)
