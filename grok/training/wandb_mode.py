"""The mode of a W&B run: online only where W&B accepts the login. Nothing prompts."""

from __future__ import annotations

import os
import re
import time
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError

import wandb

from grok.checks import UserError, check_choice

MODES = ("auto", "online", "offline", "disabled")
NO_LOGIN = "not logged in to W&B (`wandb login`, or WANDB_API_KEY)"
WITHOUT = "logger=none trains without W&B"
PROBE_SECONDS = 3
PROBE_AGAIN_SECONDS = 300.0  # a refusal holds this long, so that the runs of a sweep do not all wait for it

_refusals: dict[str, tuple[float, str]] = {}  # the latest refusal of each server, and until when it holds


def requested_mode(mode: str) -> str:
    """The mode that the user asked for, by WANDB_MODE, else by `mode`; `wandb offline` in this folder replaces `auto`.

    Raises:
        UserError: there is no such mode, or W&B cannot read its settings.
    """
    os.environ.setdefault("WANDB_SILENT", "true")  # our own lines say what matters
    check_choice("logger.mode", mode, MODES)
    if switch := os.environ.get("WANDB_MODE"):
        check_choice("WANDB_MODE", switch, (*MODES[1:], "dryrun", "shared"))
    try:
        in_folder = str(wandb.setup().settings.mode)
    except ValueError as error:
        raise UserError(f"W&B cannot read its settings ({error_line(error)}); {WITHOUT}") from error
    return switch or (in_folder if mode == "auto" and in_folder != "online" else mode)


def resolve_mode(requested: str, *, warn: Callable[[str], None]) -> str:
    """The mode to use: `auto` is online if W&B accepts the login, else offline, with a warning if W&B refuses.

    Raises:
        UserError: the run must be online, and there is no login, or W&B refuses it.
    """
    if requested not in ("auto", "online", "shared"):
        return requested
    refusal = login_refusal(cached=True)
    if not refusal:
        return "online" if requested == "auto" else requested
    if requested != "auto":
        raise UserError(f"logger.mode={requested}: {refusal}; {WITHOUT}")
    if refusal != NO_LOGIN:
        warn(f"{refusal}: logging offline")
    return "offline"


def login_refusal(*, cached: bool = False) -> str:
    """Why W&B does not accept the login, now or (`cached`) when its server last refused it; empty if it does."""
    try:
        if not wandb.login(prompt=False, verify=False):
            return NO_LOGIN
    except wandb.errors.Error as error:  # a key of the wrong length
        return f"W&B cannot use the login ({error_line(error)})"
    server = str(wandb.setup().settings.base_url)
    until, refusal = _refusals.get(server, (0.0, ""))
    if not cached or time.monotonic() >= until:
        refusal = _server_refusal(server)
        _refusals[server] = (time.monotonic() + PROBE_AGAIN_SECONDS if refusal else 0.0, refusal)
    return refusal


def _server_refusal(server: str) -> str:
    """Why W&B's server does not accept the login; empty if it does."""
    started_at = time.monotonic()
    try:
        wandb.Api(timeout=PROBE_SECONDS)  # asks the server whose key it is
        return ""
    except wandb.errors.Error as error:
        reason = error_line(error)
    if time.monotonic() - started_at >= PROBE_SECONDS:
        reason = _server_fault(server)  # the client repeats its request, and does not say why
    return f"W&B refused the login ({reason})" if reason else f"W&B did not answer within {PROBE_SECONDS} s"


def _server_fault(server: str) -> str:
    """The HTTP status of a server that has a fault; empty if it does not answer."""
    try:
        with urllib.request.urlopen(f"{server.rstrip('/')}/graphql", data=b"{}", timeout=PROBE_SECONDS):
            return ""
    except HTTPError as error:
        return str(error.code) if error.code == 429 or error.code >= 500 else ""
    except OSError:
        return ""


def error_line(error: Exception) -> str:
    """The HTTP status or the setting that an error of W&B's is about, else its text in one line."""
    text = " ".join(str(error).split())
    if status := re.search(r"error (\d{3})\b", text):
        return status[1]
    if setting := re.search(r"for Settings (\w+) (.*?) \[type=", text):
        return f"{setting[1]}: {setting[2]}"
    return text.rpartition("input: ")[2][:200]
