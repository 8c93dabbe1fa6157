"""The studies of double descent run and are drawn; the claims on the closed form hold."""

import json

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from grok.reports.double_descent.width_panels import curves_over_widths, map_over_steps
from tests.conftest import assert_drawn


def test_the_claims_on_the_closed_form_are_its_values(command, tmp_path):
    assert command("study=double_descent_patterns", "scale=smoke", "hydra.sweep.dir=sweep")[0] in (0, None)
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert len(verdicts) == 7 and all(each["holds"] for each in verdicts)
    for each in verdicts:
        assert each["measured"] == pytest.approx(float(each["published"]), abs=1e-4)
    assert_drawn(tmp_path / "sweep" / "figure.png")


@pytest.mark.slow
def test_the_study_over_widths_runs_at_smoke_scale_and_is_drawn(command, tmp_path):
    assert command("study=double_descent", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None and each["n"] > 0 for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")


@pytest.fixture
def sweep():
    """Two seeds at three widths and two steps; the first fits from width 4 on, the second from 8 on."""
    final = {"train_accuracy": [[0.95, 0.95, 1], [0.95, 0.1, 1]], "test_accuracy": [[0.2, 0.6, 0.1], [0.4, 0.2, 0.3]]}
    steps = {
        name: (("seed", "model.width", "step"), np.stack([0 * np.array(own), own, own], -1))
        for name, own in final.items()
    }
    last = {"last_step": (("seed", "model.width"), np.full((2, 3), 9))}
    dataset = xr.Dataset(steps | last, {"seed": [0, 1], "model.width": [4, 8, 16], "step": [0, 1, 9]})
    return dataset.expand_dims({"decay": [0, 1]})


def test_curves_over_widths_show_each_seed_its_threshold_and_their_mean(sweep):
    axes = Figure().add_subplot()
    shown = {"quantity": "test_accuracy", "where": {"decay": 0}, "label": "", "logarithmic": False, "level": 0.9}
    curves_over_widths(axes, sweep, **shown)
    first, first_threshold, second, second_threshold, mean = [line.get_xydata() for line in axes.lines]
    np.testing.assert_allclose(first[:, 1], [0.2, 0.6, 0.1])
    np.testing.assert_allclose(second[:, 1], [0.4, 0.2, 0.3])
    np.testing.assert_allclose(mean[:, 1], [0.3, 0.4, 0.2])
    assert first_threshold[0, 0] == 4 and second_threshold[0, 0] == pytest.approx(16, rel=0.02)


def test_maps_share_the_colors_of_the_whole_sweep(sweep):
    sweep["test_loss"] = 10.0 ** sweep["decay"] + 0 * sweep["test_accuracy"]
    axes = Figure().add_subplot()
    shown = {"quantity": "test_loss", "label": "", "title": "", "logarithmic": True, "level": 0.9, "bar": False}
    map_over_steps(axes, sweep, where={"decay": 0}, **shown)
    assert axes.collections[0].norm.vmin == 1 and axes.collections[0].norm.vmax == 10
