"""Predictions of the failed claims by finite laws, from the kept runs."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr

from grok.records.files import write_dataset
from grok.reports.quanta.law_predictions import PredictedClaim, SecondLimit, predictions
from grok.reports.study import data
from tests.conftest import ROOT, assert_drawn


def test_the_kept_claims_are_predicted_by_the_laws_and_drawn(command, tmp_path):
    assert command("study=quanta_laws", "scale=smoke", "hydra.sweep.dir=sweep")[0] in (0, None)
    assert_drawn(tmp_path / "sweep" / "figure.png")
    found = xr.load_dataset(tmp_path / "sweep" / "sweep.nc", engine="h5netcdf").isel(seed=0)
    kept = [
        each["measured"]
        for name in ("data", "parameters", "steps")
        for each in json.loads((ROOT / f"results/quanta_scaling_{name}/laptop/verdict.json").read_text())
        if each["holds"] is False
    ]
    measured = found["measured"].values
    assert measured[:7] == pytest.approx(kept) and np.isnan(found["predicted"].values[-2:]).all()
    # the claims on parameters compare with this same law
    on_parameters = found["predicted"].sel(law="counts").values[[4, 5, 7]]
    assert np.abs(on_parameters) == pytest.approx(0, abs=0.05)
    no_value = np.isnan(measured)
    assert no_value.sum() == 1 and not found["explained"].values[no_value].any()


def test_only_the_law_of_planted_losses_explains_a_claim_on_them(monkeypatch, tmp_path):
    limit = SecondLimit(law="parameters", study="quanta_scaling_parameters", key="model.width", to_x=80.0)
    own = {"study": "quanta_scaling_steps", "claim": "law_for_all_steps"}
    claim = PredictedClaim(**own, label="α_S", law="steps", to_x=15_000.0, limit=limit)
    without_value = PredictedClaim(study="quanta_departure", claim="rate_is_why", label="rate", law="steps")
    planted = claim._follow(claim._runs(), "larger")
    for study in (claim.study, limit.study, without_value.study):
        shutil.copytree(ROOT / "results" / study, tmp_path / "results" / study)
    write_dataset(tmp_path / "results" / claim.study / "laptop" / "sweep.nc", planted)
    monkeypatch.setattr(data, "ROOT", tmp_path)
    found = predictions(claims=[claim, without_value])
    assert found["within"].sel(law=["larger", "sum"]).values.tolist() == [[1, 0], [0, 0]]
    assert found["explained"].values.tolist() == [1, 0]
