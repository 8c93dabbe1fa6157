"""A run is online only where W&B accepts the login; a refusal is one line, and nothing prompts."""

import time
from pathlib import Path

import pytest

from grok.checks import UserError
from grok.training import wandb_mode
from grok.training.wandb_mode import login_refusal, requested_mode, resolve_mode
from tests.conftest import forget_wandb_session
from tests.wandb_api import KEY

pytestmark = pytest.mark.usefixtures("no_account")
FAULTS = {
    401: "refused the login (401)",
    403: "refused the login (403)",
    500: "refused the login (500)",
    "error": "refused the login (permission denied)",
    "silence": "did not answer within 1 s",
}


def resolved(mode: str) -> tuple[str, list[str]]:
    """The mode of W&B to use, and the warnings."""
    warnings: list[str] = []
    return resolve_mode(requested_mode(mode), warn=warnings.append), warnings


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(wandb_mode, "PROBE_SECONDS", 1)


def test_without_an_account_auto_is_offline_and_online_is_refused():
    assert resolved("auto") == ("offline", [])
    with pytest.raises(UserError, match=r"logger.mode=online: not logged in to W&B .*; logger=none trains without W&B"):
        resolved("online")


def test_the_users_own_setting_wins(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert resolved("auto") == resolved("online") == ("disabled", [])


def test_wandb_offline_in_the_folder_replaces_auto_alone(monkeypatch, tmp_path, server):
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text("[default]\nmode = offline\n")
    monkeypatch.chdir(tmp_path)
    assert resolved("auto") == ("offline", [])


def test_a_login_that_the_server_accepts_is_online(server):
    assert resolved("auto") == resolved("online") == ("online", [])


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_a_login_that_the_server_does_not_accept_is_one_line(server, impatient, fault, reason):
    server.fault = fault
    assert resolved("auto") == ("offline", [f"W&B {reason}: logging offline"])
    server.fault = None  # the other runs of a sweep do not ask again
    with pytest.raises(UserError) as refused:
        resolved("online")
    assert str(refused.value) == f"logger.mode=online: W&B {reason}; logger=none trains without W&B"


def test_a_server_that_dies_between_two_runs_is_asked_again_and_again_later(server, monkeypatch):
    assert resolved("auto") == ("online", [])
    server.fault = 403
    assert resolved("auto")[0] == "offline"
    server.fault = None
    assert resolved("auto")[0] == "offline", "a refusal holds for a while"
    assert login_refusal() == "", "the end of a run asks again"
    server.fault = 403
    assert login_refusal() == "W&B refused the login (403)"
    server.fault = None
    monkeypatch.setattr(wandb_mode.time, "monotonic", lambda now=time.monotonic: now() + wandb_mode.PROBE_AGAIN_SECONDS)
    assert resolved("auto")[0] == "online"


def test_a_machine_without_a_network_is_offline(monkeypatch, impatient):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    assert resolved("auto") == ("offline", ["W&B did not answer within 1 s: logging offline"])


def test_a_key_of_the_wrong_length_is_one_line(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "short")
    mode, (warning,) = resolved("auto")
    assert mode == "offline" and warning.startswith("W&B cannot use the login (WANDB_API_KEY invalid: API key must")


def test_a_login_in_netrc_counts(server, monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY")
    forget_wandb_session()
    Path(tmp_path / "netrc").write_text(f"machine {server.url.removeprefix('http://')} login user password {KEY}\n")
    assert resolved("online") == ("online", [])


def test_a_wrong_mode_in_the_environment_is_one_line(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "foo")
    with pytest.raises(UserError, match="WANDB_MODE=foo: must be one of"):
        resolved("auto")
