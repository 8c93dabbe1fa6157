"""A dashboard is code: its JSON can be printed without an account and without a network."""

import json
import socket

import pytest

from grok.reports.dashboards.dashboard import headline
from grok.reports.dashboards.workspace import main
from grok.reports.study.verdicts import markdown_table
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("no_account")

GIVEN = ("--entity", "me", "--project", "grokking", "--results", str(ROOT / "results"))


@pytest.fixture
def printed(monkeypatch, capsys):
    """The printed JSON of a dashboard, made without sockets."""

    def shown(*arguments: str) -> dict:
        with monkeypatch.context() as patch:
            patch.delattr(socket, "socket")
            assert main([*GIVEN, "--print", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    return shown


def panels(view: dict) -> dict[str, dict]:
    """The panels of a workspace, by their titles."""
    sections = view["spec"]["section"]["panelBankConfig"]["sections"]
    configs = [panel["config"] for section in sections for panel in section["panels"]]
    return {config.get("chartTitle", "claims"): config for config in configs}


@pytest.mark.parametrize(
    ("title", "metrics", "log_y"),
    [
        ("accuracy", ["train_accuracy", "test_accuracy"], None),
        ("loss", ["train_loss", "test_loss"], True),
        ("weight norm", ["weight_norm", "last_layer_weight_norm"], None),
    ],
)
def test_train_and_test_curves_share_a_panel_over_log_steps_without_smoothing(printed, title, metrics, log_y):
    config = panels(printed())[title]
    assert config["metrics"] == metrics and config["xAxis"] == "step" and config["xLogScale"]
    assert config.get("yLogScale") is log_y and config["smoothingType"] == "none"


def test_the_sweeps_panels_show_the_delay_versus_the_swept_keys(printed):
    shown = panels(printed())
    scatter = shown["delay versus weight decay"]
    assert (scatter["xAxis"], scatter["yAxis"]) == ("config:optimizer.value.weight_decay", "summary:delay")
    assert scatter["xAxisLogScale"] and scatter["yAxisLogScale"]
    assert [column["accessor"] for column in shown["sweep"]["columns"]] == [
        "config:init_scale.value",
        "config:optimizer.value.lr",
        "config:optimizer.value.weight_decay",
        "summary:delay",
        "summary:test_accuracy",
    ]
    assert shown["rings and figures"]["mediaKeys"] == ["rings", "figure"]


def test_a_workspace_has_the_claims_of_every_study_and_a_report_those_of_its_study(printed):
    files = sorted((ROOT / "results" / "omnigrok_mnist").glob("*/verdict.json"))
    verdicts = [verdict for file in files for verdict in json.loads(file.read_text())]
    assert markdown_table(verdicts) in panels(printed())["claims"]["value"]
    report = printed("--report", "omnigrok_mnist")
    assert report["displayName"] == headline("omnigrok_mnist", verdicts)
    assert markdown_table(verdicts) in [block.get("content") for block in report["spec"]["blocks"]]


def test_a_report_shows_the_runs_with_its_studys_name(printed):
    report = printed("--report", "omnigrok_mnist")
    (grid,) = [block for block in report["spec"]["blocks"] if block["type"] == "panel-grid"]
    (runs,) = grid["metadata"]["runSets"]
    (rule,) = runs["filters"]["filters"]
    assert (rule["key"], rule["op"]) == ({"section": "config", "name": "name"}, "=")
    assert rule["value"] == "omnigrok_mnist"


def test_a_claim_that_is_not_judged_counts_neither_as_held_nor_as_failed():
    judged = [{"holds": True}, {"holds": False}, {"holds": None}]
    assert headline("s", judged) == "s: 1 of 2 claims hold, 1 not judged at this scale"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: W&B: not logged in (`wandb login`, or WANDB_API_KEY), or offline; --print needs neither\n"),
        (("--report", "omnigrok"), "no verdict.json in"),
    ],
)
def test_a_users_mistake_is_one_line(capsys, arguments, message):
    import wandb

    wandb.teardown()  # the client reads the environment only once
    assert main([*GIVEN, *arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1
