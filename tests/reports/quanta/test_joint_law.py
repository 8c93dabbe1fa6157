"""Joint laws on kept runs: the study is judged on held-out points and drawn."""

import json

import xarray as xr

from tests.conftest import assert_drawn


def test_the_study_is_judged_on_points_that_no_law_was_fitted_to(command, tmp_path):
    assert command("study=quanta_joint_law", "scale=smoke", "hydra.sweep.dir=sweep")[0] in (0, None)
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert [each["n"] for each in verdicts] == [3, 3, 3] and all(each["measured"] for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")
    found = xr.load_dataset(tmp_path / "sweep" / "sweep.nc", engine="h5netcdf")
    n_held_out, n_fitted = ((found["held_out"] == part).sum("point").isel(seed=0) for part in (1, 0))
    assert (n_held_out > 50).all() and (n_fitted > 50).all() and (found["constant"] > 0).all()
    of_runs_with_more_examples = found["held_out"].sel(arm="examples and steps").isel(seed=0).dropna("point")
    assert (of_runs_with_more_examples.diff("point") >= 0).all()  # points are in the order of examples
