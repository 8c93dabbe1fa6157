"""A dashboard is code: its JSON can be seen with no account and no network."""

import json
import socket

import pytest

from grok.reports.claims import readme_table
from grok.reports.dashboard import headline
from grok.reports.workspace import main
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("no_account")

WHERE = ("--entity", "me", "--project", "grokking", "--results", str(ROOT / "results"))


@pytest.fixture
def printed(monkeypatch, capsys):
    """The JSON of a dashboard, made without a socket."""

    def shown(*arguments: str) -> dict:
        with monkeypatch.context() as patch:
            patch.delattr(socket, "socket")
            assert main([*WHERE, "--print", *arguments]) == 0
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
def test_curves_are_drawn_together_over_log_steps_and_unsmoothed(printed, title, metrics, log_y):
    config = panels(printed())[title]
    assert config["metrics"] == metrics and config["xAxis"] == "step" and config["xLogScale"]
    assert config.get("yLogScale") is log_y and config["smoothingType"] == "none"


def test_a_sweep_is_seen_by_its_keys_and_what_they_do_to_the_delay(printed):
    shown = panels(printed())
    scatter = shown["delay against weight decay"]
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


def test_a_workspace_has_the_claims_of_every_study_and_a_report_those_of_its_own(printed):
    files = sorted((ROOT / "results" / "omnigrok_mnist").glob("*/verdict.json"))
    verdicts = [verdict for file in files for verdict in json.loads(file.read_text())]
    assert readme_table(verdicts) in panels(printed())["claims"]["value"]
    report = printed("--report", "omnigrok_mnist")
    assert report["displayName"] == headline("omnigrok_mnist", verdicts)
    assert readme_table(verdicts) in [block.get("content") for block in report["spec"]["blocks"]]


def test_a_report_shows_the_runs_that_go_by_its_studys_name(printed):
    report = printed("--report", "omnigrok_mnist")
    (grid,) = [block for block in report["spec"]["blocks"] if block["type"] == "panel-grid"]
    (runs,) = grid["metadata"]["runSets"]
    (rule,) = runs["filters"]["filters"]
    assert (rule["key"], rule["op"]) == ({"section": "config", "name": "name"}, "=")
    assert rule["value"] == "omnigrok_mnist"


def test_a_claim_that_was_not_judged_counts_neither_way():
    judged = [{"holds": True}, {"holds": False}, {"holds": None}]
    assert headline("s", judged) == "s: 1 of 2 claims hold, 1 not judged at this scale"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "error: W&B: not logged in (`wandb login`, or WANDB_API_KEY), or offline; --print needs neither\n"),
        (("--report", "omnigrok"), "no verdict.json in"),
    ],
)
def test_a_mistake_is_one_line(capsys, arguments, line):
    import wandb

    wandb.teardown()  # the client reads the environment once
    assert main([*WHERE, *arguments]) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1
