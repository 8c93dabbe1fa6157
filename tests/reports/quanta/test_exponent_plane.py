"""The plane of exponents: its counts and positions, its sources under the pointer, and tables that are refused."""

import re

import numpy as np
import pytest
import xarray as xr

from grok.checks import UserError
from grok.reports.quanta.plane_points import exponent, points, published_points
from grok.reports.study.data import result
from grok.reports.study.ledger import load_study
from grok.science.quanta.exponent_plane import (
    distance_ratio,
    max_distance_from_model,
    n_below_equal,
    position_between_lines,
)
from tests.conftest import ROOT, assert_drawn

TABLE = ROOT / "conf" / "study" / "exponent_plane.csv"
HEAD = "name,paper,printed_n,printed_d,corrected_n,corrected_d,source,correction,evidence\n"


def test_the_corrections_turn_the_plane_over():
    table = published_points(str(TABLE))
    below = {
        version: n_below_equal(*[table[name].values for name in ("point", f"{version}_n", f"{version}_d")])
        for version in ("printed", "certain", "refit", "corrected")
    }
    assert below == {"printed": 9, "certain": 10, "refit": 9, "corrected": 2}
    swapped = table.sel(point=table["correction"].str.startswith("exponents"))
    np.testing.assert_array_equal(swapped["printed_n"], swapped["corrected_d"])
    np.testing.assert_array_equal(swapped["printed_d"], swapped["corrected_n"])


def test_a_point_on_a_line_has_its_position_and_no_distance():
    alpha = np.array([0.2, 0.5, 1.0])
    assert position_between_lines(np.array(0.5), np.array(1 / 3)) == pytest.approx(0)
    assert position_between_lines(np.array(0.5), np.array(0.5)) == 1
    assert max_distance_from_model(alpha, alpha, alpha / (1 + alpha)) == 0
    assert max_distance_from_model(alpha, alpha, alpha) == 0.5
    assert distance_ratio(alpha, alpha, alpha / (1 + alpha)) == 0
    halfway = np.array([0.5]), np.array([5 / 12])  # 1/12 above the model's line, 1/12 below the other
    assert distance_ratio(alpha, *halfway) == pytest.approx(1)
    assert distance_ratio(alpha, np.array([0.5, 1]), np.array([0.4, 0.9])) == pytest.approx((1 / 15 + 0.4) / 0.2)


def test_our_exponents_are_those_of_log_log_lines_with_an_interval_and_the_exponent_of_the_law():
    (point,) = [
        each for each in load_study("exponent_plane", "smoke").data.keywords["own"] if each.name == "α = 0.4, steps"
    ]
    found = exponent(point.parameters, point.alpha)
    kept = result(study="quanta_scaling_parameters", scale="laptop")
    kept = kept.sel({"model.width": kept["n_parameters"].values[:, 0] <= 10802})
    x, y = (np.log(kept[name].transpose("seed", ...).values) for name in ("n_parameters", "test_loss"))
    for seed, value in found.by_seed.items():
        assert value == pytest.approx(-np.polyfit(x[seed], y[seed, :, -1], 1)[0], abs=1e-6)
    assert found.value == pytest.approx(-np.polyfit(x.ravel(), y[..., -1].ravel(), 1)[0], abs=1e-6)
    assert found.low < found.value < found.high and found.law > found.value  # the law is steeper than our losses
    dataset = points(path=str(TABLE), own=[point])
    assert dataset["seed_n"].dims == ("own", "seed") and dataset["seed"].values.tolist() == [0, 1, 2]
    np.testing.assert_allclose(dataset["own_n"], found.value)
    assert dataset["own_source"].item().startswith("fits to quanta_scaling_parameters and quanta_scaling_steps of")


def test_the_study_is_judged_at_smoke_scale_and_each_point_names_its_source(command, tmp_path):
    assert command("study=exponent_plane", "scale=smoke", "hydra.sweep.dir=sweep")[0] in (0, None)
    assert_drawn(tmp_path / "sweep" / "figure.png")
    kept = xr.load_dataset(tmp_path / "sweep" / "sweep.nc", engine="h5netcdf").attrs
    assert kept["data_source"].split("; ")[0].startswith("results/") and kept["code"] and kept["xarray"]
    assert kept["data_source"].count(";") == kept["data_checksum"].count("; sha256 ") == 4  # four results and the table
    titles = re.findall("<title>(.*?)</title>", (tmp_path / "sweep" / "report.html").read_text())
    assert sum("Rosenfeld et al. 2020" in title for title in titles) == 18  # nine points in two planes
    assert len(titles) == 1 + 2 * 16 + 8 + 2 * 7  # the page, two planes, the paper's figure, ours and the laws
    ours = [title for title in titles if "fits to" in title]
    assert len(ours) == 7 and all(
        re.search(r"0\.\d\d \(0\.\d\d – 0\.\d\d\), 0\.\d\d \(0\.\d\d", title) for title in ours
    )
    assert not any("quanta_exponents and quanta_exponents" in title for title in titles)


def test_a_table_without_a_column_is_refused_in_one_line(tmp_path):
    (tmp_path / "points.csv").write_text("name,paper,source\nA,P,S\n")
    with pytest.raises(UserError, match="has no column correction, evidence, printed_n") as refused:
        published_points(str(tmp_path / "points.csv"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("A,P,0.1,0.2,0.1,0.2,,,\nB,P,0.1,0.2,0.1,0.2,S,,\n", "A has no source"),
        ("A,P,0.1,0.2,0.1,0.2,,,\n", "A has no source"),
        ("A,P,0.1,0.2,0.1,0,S,,\n", "corrected_d of A is 0.0; it must be a finite number above 0"),
        ("A,P,-1,0.2,0.1,0.2,S,,\n", "printed_n of A is -1.0"),
        ("A,P,inf,0.2,0.1,0.2,S,,\n", "printed_n of A is inf; it must be a finite number above 0"),
        ("A,P,many,0.2,0.1,0.2,S,,\n", "printed_n of A is many"),
        (
            "A,P,0.1,0.2,0.1,0.2,S,swapped,perhaps\n",
            "evidence of A is perhaps; must be empty or certain, refit, unverified",
        ),
        ("A,P,0.1,0.2,0.1,0.2,S,,\n" * 2 + "B,P,0.1,0.2,0.1,0.2,S,,\n", "A is there more than once; names must differ"),
    ],
)
def test_a_table_without_a_source_or_with_an_exponent_that_is_not_positive_is_refused(rows, message, tmp_path):
    (tmp_path / "points.csv").write_text(HEAD + rows)
    with pytest.raises(UserError, match=message) as refused:
        published_points(str(tmp_path / "points.csv"))
    assert "\n" not in str(refused.value)
