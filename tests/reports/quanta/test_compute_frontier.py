"""Loss versus compute from kept runs: the study is judged, and records that are not positive are refused."""

import json
from hashlib import sha256

import pytest
import xarray as xr

from grok.checks import UserError
from grok.reports.quanta.compute_frontier import check_records
from tests.conftest import ROOT, assert_drawn


def test_the_study_is_judged_on_the_kept_runs_and_is_drawn(command, tmp_path):
    assert command("study=quanta_scaling_compute", "scale=smoke", "hydra.sweep.dir=sweep")[0] in (0, None)
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert [each["n"] for each in verdicts] == [3, 3, 3] and all(each["measured"] for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")
    kept = xr.load_dataset(tmp_path / "sweep" / "sweep.nc", engine="h5netcdf").attrs
    assert (kept["batch_size"], kept["alpha"], kept["n_subtasks"]) == (2000, 0.4, 100)  # of the sweep that is read
    source = ROOT / kept["data_source"]
    assert kept["data_checksum"] == f"sha256 {sha256(source.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"test_loss": 0.0}, "test_loss is 0; it must be above 0"),
        ({"n_parameters": -5.0}, "n_parameters is -5"),
        ({"n_parameters": None}, "has no n_parameters"),
    ],
)
def test_a_loss_or_a_size_that_is_missing_or_not_positive_is_refused(changed, message):
    values = {"test_loss": 0.5, "subtask_loss": 0.5, "n_parameters": 10.0} | changed
    records = xr.Dataset({name: ("width", [1.0, value]) for name, value in values.items() if value is not None})
    with pytest.raises(UserError, match=message) as refused:
        check_records(records, "results/x", positive=("test_loss", "n_parameters"))
    assert "\n" not in str(refused.value)
