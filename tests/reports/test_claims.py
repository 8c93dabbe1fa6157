"""Claims are held against records: what counts as agreement is declared, what was found is what the records give."""

import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from grok.checks import UserError
from grok.reports.claims import README, kept, readme_table, study, take_in, with_table
from grok.reports.study import Claim
from grok.science.curves import argmin, final, first_reaching, number
from grok.science.phases import how_many
from tests.conftest import ROOT

RESULTS = kept(ROOT / "results")
STUDIES = sorted(path.stem for path in (ROOT / "conf" / "study").glob("*.yaml"))


def claim(**changes) -> Claim:
    declared = dict(
        claim="c",
        source="s",
        published="p",
        at_least=None,
        at_most=5.0,
        because="b",
        quantity="test_loss",
        where={"init_scale": 2.0},
        along=["step"],
        measure=final,
        scales=["laptop", "paper"],
        otherwise="too short",
    )
    return Claim(**declared | changes)


@pytest.fixture
def dataset() -> xr.Dataset:
    """Two scales, three seeds, three looks; the seed 2 was never run at the scale 1, and ended early at the scale 2."""
    loss = np.array([[[9.0, 5, 3], [9, 6, 4], [np.nan] * 3], [[8, 4, 1], [8, 4, 3], [8, 5, np.nan]]])
    steps = np.array([[np.nan, 50.0, np.nan], [10, 20, np.nan]])
    phases = np.array([["confusion", "grokking", ""], ["grokking", "grokking", "confusion"]])
    return xr.Dataset(
        {
            "test_loss": (("init_scale", "seed", "step"), loss),
            "test_accuracy": (("init_scale", "seed", "step"), 1 / loss),
            "generalization_step": (("init_scale", "seed"), steps),
            "phase": (("init_scale", "seed"), phases),
        },
        {"init_scale": [1.0, 2.0], "seed": [0, 1, 2], "step": [0, 10, 20]},
    )


def test_a_claim_is_the_mean_over_seeds_within_its_bounds(dataset):
    verdict = claim(at_least=2.0).judge(dataset, "laptop")
    assert verdict["measured"] == pytest.approx((1 + 3 + 5) / 3) and verdict["n"] == 3 and verdict["holds"] is True
    assert (verdict["low"], verdict["high"]) == (1, 5)
    assert claim(at_least=3.5).judge(dataset, "laptop")["holds"] is False
    assert claim(at_most=2.5).judge(dataset, "laptop")["holds"] is False


def test_a_seed_that_was_not_run_is_not_counted(dataset):
    verdict = claim(where={"init_scale": 1.0}).judge(dataset, "paper")
    assert verdict["measured"] == pytest.approx((3 + 4) / 2) and verdict["n"] == 2


def test_a_claim_can_be_along_a_swept_key(dataset):
    two = dataset.isel(seed=[0, 1])
    assert claim(where={}, along=["init_scale"], measure=argmin).judge(two, "paper")["measured"] == 2.0
    phases = claim(quantity="phase", where={}, along=["init_scale"], measure=lambda x, y: how_many(x, x, y))
    assert phases.judge(two, "paper")["measured"] == pytest.approx((2 + 1) / 2)


def test_a_step_that_never_came_is_never_and_fails(dataset):
    verdict = claim(measure=lambda steps, values: first_reaching(steps, values, level=99.0)).judge(dataset, "paper")
    assert verdict["measured"] is None and verdict["holds"] is False and "never" in readme_table([verdict])
    json.dumps(verdict, allow_nan=False)
    never = claim(quantity="generalization_step", where={"init_scale": 1.0}, along=[], measure=number)
    assert never.judge(dataset, "paper")["n"] == 2 and never.judge(dataset, "paper")["holds"] is False


def test_a_claim_at_another_scale_is_not_judged_and_says_why(dataset):
    verdict = claim().judge(dataset, "smoke")
    assert verdict["holds"] is None and verdict["n"] == 0
    assert "not judged at scale smoke: too short" in readme_table([verdict])


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_what_is_published_where_and_why_its_tolerance_is_what_it_is(name):
    for scale in ("smoke", "laptop", "paper"):
        declared = study(name, scale)
        assert declared.now == declared.scales[scale]
    assert declared.claims and set(declared.scales) == {"smoke", "laptop", "paper"}
    for each in declared.claims.values():
        assert each.claim and each.source and each.published and each.because
        assert (each.at_least, each.at_most) != (None, None)
        assert set(each.scales) <= set(declared.scales) and (each.otherwise or set(each.scales) == set(declared.scales))


@pytest.mark.parametrize(("folder", "dataset"), RESULTS, ids=lambda each: str(getattr(each, "name", "")))
def test_the_kept_verdicts_are_those_of_the_kept_records(folder, dataset, tmp_path):
    own = study(dataset.attrs["name"], dataset.attrs["scale"])
    assert own.judge(dataset) == json.loads((folder / "verdict.json").read_text())
    assert dataset.attrs["command"].startswith("python train.py ")
    own.report(dataset, tmp_path, Console(quiet=True))
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_readmes_table_is_not_stale():
    judged = [verdict for folder, _ in RESULTS for verdict in json.loads((folder / "verdict.json").read_text())]
    readme = README.read_text()
    assert with_table(readme, readme_table(judged)) == readme


def test_a_study_runs_draws_judges_and_is_taken_in(command, tmp_path):
    at = ("study=teacher_student_landscape", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert command(*at)[0] == 0
    verdict = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert len(verdict) == 6 and all(each["holds"] is None for each in verdict)
    assert "Teacher–student at constant weight norm" in command.output and (tmp_path / "sweep" / "figure.pdf").exists()
    assert "study" not in (tmp_path / "sweep" / "0" / "config.yaml").read_text()
    kept_in = take_in(tmp_path / "sweep", tmp_path / "results")
    assert kept_in == tmp_path / "results" / "teacher_student_landscape" / "smoke"
    assert (kept_in / "sweep.nc").read_bytes() == (tmp_path / "sweep" / "sweep.nc").read_bytes()


def test_what_is_no_study_is_not_taken_in(run, tmp_path):
    with pytest.raises(UserError, match="holds no study that was run to its end"):
        take_in(run("steps=3"), tmp_path / "results")


def test_an_unknown_scale_or_study_is_one_line(command):
    code, said = command("study=teacher_student_landscape", "scale=huge")
    assert code == 2 and said == "error: scale=huge: must be one of smoke, laptop, paper\n"
    code, said = command("study=landscape")
    assert code == 2 and said.startswith("error: study=landscape: must be one of mnist_phase_diagram, omnigrok_mnist")
