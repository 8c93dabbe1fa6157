"""The plane of exponents: its counts and positions, its sources under the pointer, and tables that are refused."""

import re

import numpy as np
import pytest

from grok.checks import UserError
from grok.reports.quanta.plane_points import published_points
from grok.science.quanta.exponent_plane import (
    distance_ratio,
    max_distance_from_model,
    n_below_equal,
    position_between_lines,
)
from tests.conftest import ROOT, assert_drawn

TABLE = ROOT / "conf" / "study" / "exponent_plane.csv"
HEAD = "name,paper,printed_n,printed_d,corrected_n,corrected_d,source,correction\n"


def test_the_corrections_turn_the_plane_over():
    points = published_points(str(TABLE))
    below = {
        version: n_below_equal(*[points[name].values for name in ("point", f"{version}_n", f"{version}_d")])
        for version in ("printed", "corrected")
    }
    assert below == {"printed": 9, "corrected": 2}
    swapped = points.sel(point=points["correction"].str.startswith("exponents"))
    np.testing.assert_array_equal(swapped["printed_n"], swapped["corrected_d"])
    np.testing.assert_array_equal(swapped["printed_d"], swapped["corrected_n"])


def test_a_point_on_a_line_has_its_position_and_no_distance():
    alpha = np.array([0.2, 0.5, 1.0])
    assert position_between_lines(np.array(0.5), np.array(1 / 3)) == pytest.approx(0)
    assert position_between_lines(np.array(0.5), np.array(0.5)) == 1
    assert max_distance_from_model(alpha, alpha, alpha / (1 + alpha)) == 0
    assert max_distance_from_model(alpha, alpha, alpha) == 0.5
    assert distance_ratio(alpha, alpha, alpha / (1 + alpha)) == 0


def test_the_study_is_judged_at_smoke_scale_and_each_point_names_its_source(command, tmp_path):
    assert command("study=exponent_plane", "scale=smoke", "hydra.sweep.dir=sweep")[0] in (0, None)
    assert_drawn(tmp_path / "sweep" / "figure.png")
    titles = re.findall("<title>(.*?)</title>", (tmp_path / "sweep" / "report.html").read_text())
    assert sum("Rosenfeld et al. 2020" in title for title in titles) == 18  # nine points in two planes
    assert any("quanta_scaling_parameters and quanta_scaling_data" in title for title in titles)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("A,P,0.1,0.2,0.1,0.2,,\nB,P,0.1,0.2,0.1,0.2,S,\n", "A has no source"),
        ("A,P,0.1,0.2,0.1,0.2,,\n", "A has no source"),
        ("A,P,0.1,0.2,0.1,0,S,\n", "corrected_d of A is 0.0; it must be a number above 0"),
        ("A,P,-1,0.2,0.1,0.2,S,\n", "printed_n of A is -1.0"),
        ("A,P,many,0.2,0.1,0.2,S,\n", "printed_n of A is many"),
    ],
)
def test_a_table_without_a_source_or_with_an_exponent_that_is_not_positive_is_refused(rows, message, tmp_path):
    (tmp_path / "points.csv").write_text(HEAD + rows)
    with pytest.raises(UserError, match=message) as refused:
        published_points(str(tmp_path / "points.csv"))
    assert "\n" not in str(refused.value)
