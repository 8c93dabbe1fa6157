"""The mode of a W&B run: online only where W&B accepts the login. Nothing prompts."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

import wandb

from grok.checks import UserError, check_choice

MODES = ("auto", "online", "offline", "disabled")
NO_LOGIN = "not logged in to W&B (`wandb login`, or WANDB_API_KEY)"
PROBE_SECONDS = 3
PROBE_AGAIN_SECONDS = 300.0  # a refusal holds this long, so that the runs of a sweep do not all wait for it

_refusals: dict[str, tuple[float, str]] = {}  # the latest refusal of each server, and until when it holds


def requested_mode(mode: str) -> str:
    """The mode that the user asked for, by WANDB_MODE, else by `mode`; `wandb offline` in this folder replaces `auto`.

    Raises:
        UserError: there is no such mode.
    """
    os.environ.setdefault("WANDB_SILENT", "true")  # our own lines say what matters
    check_choice("logger.mode", mode, MODES)
    if switch := os.environ.get("WANDB_MODE"):
        check_choice("WANDB_MODE", switch, (*MODES[1:], "dryrun", "shared"))
        return switch
    in_folder = str(wandb.setup().settings.mode)
    return in_folder if mode == "auto" and in_folder != "online" else mode


def resolve_mode(requested: str, *, warn: Callable[[str], None]) -> str:
    """The mode to use: `auto` is online if W&B accepts the login, else offline, with a warning if W&B refuses.

    Raises:
        UserError: the run must be online, and there is no login, or W&B refuses it.
    """
    if requested not in ("auto", "online", "shared"):
        return requested
    refusal = login_refusal()
    if not refusal:
        return "online" if requested == "auto" else requested
    if requested != "auto":
        raise UserError(f"logger.mode={requested}: {refusal}; logger=none goes without W&B")
    if refusal != NO_LOGIN:
        warn(f"{refusal}: logging offline")
    return "offline"


def login_refusal() -> str:
    """Why W&B does not accept the login; empty if it does."""
    try:
        return _server_refusal() if wandb.login(prompt=False, verify=False) else NO_LOGIN
    except wandb.errors.Error as error:  # a key of the wrong length
        return f"W&B cannot use the login ({error_line(error)})"


def _server_refusal() -> str:
    """Why W&B's server does not accept the login; empty if it does."""
    server, started_at = str(wandb.setup().settings.base_url), time.monotonic()
    until, reason = _refusals.get(server, (0.0, ""))
    if started_at < until:
        return reason
    try:
        wandb.Api(timeout=PROBE_SECONDS)  # asks the server whose key it is
        return ""
    except wandb.errors.Error as error:
        waited = time.monotonic() - started_at >= PROBE_SECONDS
        reason = (
            f"confirmed no login within {PROBE_SECONDS} s" if waited else f"refused the login ({error_line(error)})"
        )
    _refusals[server] = (time.monotonic() + PROBE_AGAIN_SECONDS, f"W&B {reason}")
    return _refusals[server][1]


def error_line(error: Exception) -> str:
    """The HTTP status that an error of W&B's mentions, else its text in one line."""
    text = " ".join(str(error).split())
    status = re.search(r"error (\d{3})\b", text)
    return status[1] if status else text.rpartition("input: ")[2][:200]
