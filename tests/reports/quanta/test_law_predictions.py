"""Predictions of the failed claims by finite laws, from the kept runs."""

import json

import numpy as np
import pytest
import xarray as xr

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
    explained = found["within"].values.any(1)
    assert np.array_equal(explained, found["explained"].values == 1)
    by_interval = (np.abs(found["distance"]) <= 1).any("law").values
    assert np.array_equal(explained[np.isfinite(measured)], by_interval[np.isfinite(measured)])
