"""The studies of double descent run and are drawn; the claims on the closed form hold."""

import json

import pytest

from tests.conftest import assert_drawn


def test_the_claims_on_the_closed_form_are_its_values(command, tmp_path):
    assert command("study=double_descent_patterns", "scale=smoke", "hydra.sweep.dir=sweep")[0] in (0, None)
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert len(verdicts) == 7 and all(each["holds"] for each in verdicts)
    for each in verdicts:
        assert each["measured"] == pytest.approx(float(each["published"]), abs=1e-4)
    assert_drawn(tmp_path / "sweep" / "figure.png")


def test_the_study_over_widths_runs_at_smoke_scale_and_is_drawn(command, tmp_path):
    assert command("study=double_descent", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None and each["n"] > 0 for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")
