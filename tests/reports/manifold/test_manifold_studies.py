"""The studies of data manifolds run at smoke scale and are drawn."""

import json

import pytest

from tests.conftest import assert_drawn


@pytest.mark.parametrize("name", ["manifold_scaling", "manifold_scaling_data"])
def test_a_study_runs_at_smoke_scale_is_judged_and_is_drawn(name, command, tmp_path):
    assert command(f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None and each["n"] > 0 for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")
