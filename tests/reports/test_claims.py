"""Claims are held against records: what counts as agreement is declared, what was found is what the records give."""

import json
import re
import shlex
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from grok.checks import UserError
from grok.records.load import load
from grok.reports.claims import BEGIN, END, kept, main, readme_table, study, take_in, with_table
from grok.reports.study import Claim, Study
from grok.science.curves import argmin, early_stopped, final, first_reaching, lowest, number, value_at
from grok.science.phases import how_many
from tests.conftest import ROOT
from tests.process import Command

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
    ).assign(
        train_accuracy=(("init_scale", "seed", "step"), 1 / loss),
        finished=(("init_scale", "seed"), [[True, True, False], [True] * 3]),
        last_step=(("init_scale", "seed"), [[20, 20, np.nan], [20, 20, 10]]),
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
    verdict = claim(where={}, along=["init_scale"], measure=argmin).judge(dataset, "paper")
    assert verdict["measured"] == 2.0 and verdict["n"] == 2  # the seed 2 lacks a cell
    phases = claim(
        quantity="phase", where={}, along=["init_scale"], measure=lambda x, y: how_many(x, x[:1], y[:, None])
    )
    assert phases.judge(dataset, "paper")["measured"] == pytest.approx((2 + 1) / 2)


def test_a_claim_along_seeds_is_of_all_of_them_together(dataset):
    axes = ["init_scale", "seed"]
    together = claim(where={}, along=axes, measure=lambda scales, seeds, loss: loss[1, 2] - loss[0, 0])
    assert together.judge(dataset, "paper")["n"] == 0  # the seed 2 lacks a cell
    dataset["finished"][0, 2] = True
    verdict = together.judge(dataset, "paper")
    assert verdict["measured"] == 5 - 3 and verdict["n"] == 3 and verdict["low"] is None


def test_a_claim_can_be_measured_on_several_quantities(dataset):
    both = claim(
        quantity=["test_loss", "test_accuracy"],
        measure=lambda steps, loss, accuracy: float(steps[-1] + (loss * accuracy)[-1]),  # the accuracy is 1 / loss
        at_most=20.0,
    ).judge(dataset, "paper")
    assert both["measured"] == pytest.approx((21 + 21 + 11) / 3) and both["n"] == 3  # the last seed ended at step 10
    with pytest.raises(UserError, match=r"study.claims: 'c' cannot be measured on this sweep: .*tst_loss"):
        claim(quantity=["test_loss", "tst_loss"]).judge(dataset, "paper")


def test_a_claim_can_be_of_what_is_read_off_each_curve(dataset):
    each = claim(where={}, along=["init_scale"], of_curve=final, measure=lambda x, y: y[0] / y[1])
    verdict = each.judge(dataset, "paper")
    assert verdict["measured"] == pytest.approx((3 / 1 + 4 / 3) / 2)  # of each cell the last look that it had
    only = claim(of_curve=lambda steps, values: steps[-1], along=[], measure=number)
    assert only.judge(dataset, "paper")["measured"] == pytest.approx((20 + 20 + 10) / 3)


def test_a_claim_can_be_of_what_is_read_off_several_curves_together(dataset):
    dataset["validation_loss"] = -dataset["test_loss"]
    stopped = claim(quantity=[["validation_loss", "test_loss"]], along=[], of_curve=early_stopped, measure=number)
    assert stopped.judge(dataset, "paper")["measured"] == 8  # where the other loss is least, at the first look


def test_a_quantity_may_have_an_axis_more_than_another(dataset):
    parts = xr.DataArray([1.0, 10.0], {"part": ["a", "b"]}, ["part"])
    dataset["part_loss"] = dataset["test_loss"] * parts

    def measure(scales, names, loss, each):
        assert (scales.tolist(), names.tolist()) == ([1, 2], ["a", "b"])
        return float((each - np.stack([loss, 10 * loss], axis=1)).max())

    both = claim(quantity=["test_loss", "part_loss"], where={}, along=["init_scale", "part"], measure=measure)
    assert both.judge(dataset, "paper")["measured"] == 0
    lowest_of_each = claim(quantity="part_loss", along=["part"], of_curve=lowest, measure=lambda names, each: each[1])
    assert lowest_of_each.judge(dataset, "paper")["measured"] == pytest.approx(10 * (1 + 3 + 5) / 3)


def test_a_claim_along_steps_and_a_key_is_at_the_looks_that_all_its_cells_had(dataset):
    shared = claim(where={}, along=["init_scale", "step"], measure=lambda scales, steps, loss: float(steps[-1]))
    assert shared.judge(dataset.isel(seed=[0, 1]), "paper")["measured"] == 20
    dataset["finished"][0, 2] = True
    dataset["test_loss"][0, 2] = dataset["train_accuracy"][0, 2] = 1.0
    assert shared.judge(dataset.isel(seed=[2]), "paper")["measured"] == 10  # the other ended there


def test_a_step_that_never_came_is_never_and_fails(dataset):
    verdict = claim(measure=lambda steps, values: first_reaching(steps, values, level=99.0)).judge(dataset, "paper")
    assert (
        verdict["measured"] is None and verdict["holds"] is False and "| none | 3 | **no** |" in readme_table([verdict])
    )
    json.dumps(verdict, allow_nan=False)
    never = claim(quantity="generalization_step", where={"init_scale": 1.0}, along=[], measure=number)
    assert never.judge(dataset, "paper")["n"] == 2 and never.judge(dataset, "paper")["holds"] is False


def test_a_diverged_loss_is_no_number_and_fails(dataset):
    dataset["test_loss"][1, 0, 2] = np.nan
    for along, measure in (([], number), (["step"], final)):
        verdict = claim(quantity="test_loss", along=along, measure=measure).judge(dataset, "paper")
        assert verdict["n"] == 3 and verdict["measured"] is None and verdict["holds"] is False


def test_a_curve_that_ended_before_the_step_it_is_asked_for_has_no_value(dataset):
    early = claim(measure=lambda steps, values: value_at(steps, values, step=20)).judge(dataset, "paper")
    assert early["measured"] is None and early["holds"] is False


def test_one_seed_has_no_interval(dataset):
    verdict = claim().judge(dataset.isel(seed=[0]), "paper")
    assert verdict["low"] is verdict["high"] is None and "| 1 | 1 |" in readme_table([verdict])


def test_an_altered_study_is_not_judged(dataset):
    verdict = claim().judge(dataset.assign_attrs(altered="steps=30"), "paper")
    assert verdict["holds"] is None and verdict["not_judged"] == "altered by steps=30"


def test_a_claim_at_another_scale_is_not_judged_says_why_and_shows_no_number_beside_its_words(dataset, tmp_path):
    console = Console(record=True, width=200, file=StringIO())
    declared = Study(
        title="t", scales={}, now={}, figure=lambda dataset, path: path, claims={"c": claim(published="one")}
    )
    for scale, shown in (("laptop", "3 (1 – 5)"), ("smoke", "–")):
        (verdict,) = declared.report(dataset.assign_attrs(scale=scale), tmp_path, console)
        assert verdict["measured"] == 3 and (verdict["holds"] is None) == (scale == "smoke")
        assert json.loads((tmp_path / "verdict.json").read_text()) == [verdict]
        assert f"| one | ≤ 5 | {shown} | 3 |" in readme_table([verdict])
        assert re.search(rf"one +│ {re.escape(shown)} +│ 3 ", console.export_text())
    assert "not judged at scale smoke: too short" in readme_table([verdict])
    both = readme_table([claim(at_least=2.0).judge(dataset, scale) for scale in ("laptop", "smoke")])
    assert (
        both.startswith("1 claims are judged: 1 hold, 0 do not. Of another scale than was run are 1 more")
        and "| 2 – 5 |" in both
    )


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
    own = study(dataset.attrs["study"], dataset.attrs["scale"])
    kept = json.loads((folder / "verdict.json").read_text())
    assert own.judge(dataset) == [pytest.approx(each) for each in kept]
    assert dataset.attrs["command"].startswith("python train.py ")
    own.report(dataset, tmp_path, Console(quiet=True))
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_readmes_table_is_not_stale():
    judged = [verdict for folder, _ in RESULTS for verdict in json.loads((folder / "verdict.json").read_text())]
    readme = (ROOT / "README.md").read_text()
    assert with_table(readme, readme_table(judged)) == readme


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> tuple[Path, str]:
    """The folder of a study run at scale `smoke`, once, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("smoke") / "sweep"
    given = ("study=teacher_student_landscape", "scale=smoke", "logger=none", f"hydra.sweep.dir={folder}")
    code, said = Command(*given).ended()
    assert code == 0, said
    return folder, said


def test_a_study_runs_draws_judges_and_is_taken_in(smoke, tmp_path):
    sweep, said = smoke
    verdict = json.loads((sweep / "verdict.json").read_text())
    assert len(verdict) == 7 and all(each["holds"] is None for each in verdict)
    assert "Teacher–student at constant weight norm" in said and (sweep / "figure.pdf").exists()
    assert "study" not in (sweep / "0" / "config.yaml").read_text()
    kept_in = take_in(sweep, tmp_path / "results")
    assert kept_in == tmp_path / "results" / "teacher_student_landscape" / "smoke"
    assert load(kept_in).identical(load(sweep))


def test_a_study_with_keys_of_ones_own_runs_and_is_neither_judged_nor_taken_in(command, tmp_path):
    at = ("study=teacher_student_landscape", "scale=laptop", "steps=3", "logger=none", "hydra.sweep.dir=sweep")
    assert command(*at, "seed=0", "task.n_train=100", "init_scale=0.5,2", "optimizer.lr=1e-3,1e-4")[0] == 0
    verdict = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert all(each["holds"] is None and "altered by steps=3" in each["not_judged"] for each in verdict)
    with pytest.raises(UserError, match="altered by steps=3"):
        take_in(tmp_path / "sweep", tmp_path / "results")


def test_a_studys_cell_can_be_run_alone_by_the_command_in_its_record(smoke, command, tmp_path):
    record = load(smoke[0] / "3")
    assert command(*shlex.split(record.attrs["command"])[2:], "hydra.run.dir=alone")[0] in (0, None)
    alone = load(tmp_path / "alone")
    assert alone.attrs["config"] == record.attrs["config"]
    np.testing.assert_allclose(alone["train_loss"], record["train_loss"], rtol=1e-3)


@pytest.mark.parametrize("changes", [{"quantity": "tst_loss"}, {"along": ["width"]}, {"where": {"init_scale": 7.0}}])
def test_a_claim_that_cannot_be_measured_is_named(dataset, changes):
    with pytest.raises(UserError, match=r"study.claims: 'c' cannot be measured on this sweep"):
        claim(**changes).judge(dataset, "smoke")


def test_a_mistake_in_a_study_is_told_before_training(command, tmp_path):
    wrong = "study.claims.lowest_at_one.measure._target_=grok.science.curves.argmi"
    code, said = command("study=teacher_student_landscape", "scale=smoke", wrong, "hydra.sweep.dir=sweep")
    assert code == 2 and said.startswith("error: study: ") and not [*tmp_path.glob("sweep/0")]


def test_a_folder_without_results_leaves_the_readme_alone(tmp_path):
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}")
    with pytest.raises(UserError, match="holds no results"):
        main([str(tmp_path / "nowhere")])
    assert (tmp_path / "README.md").read_text() == f"{BEGIN}\n{END}"


def test_what_is_no_study_is_not_taken_in(run, tmp_path):
    with pytest.raises(UserError, match="holds no study that was run to its end"):
        take_in(run("steps=3"), tmp_path / "results")


def test_an_unknown_scale_or_study_is_one_line(command):
    code, said = command("study=teacher_student_landscape", "scale=huge")
    assert code == 2 and said == "error: scale=huge: must be one of smoke, laptop, paper\n"
    code, said = command("study=landscape")
    assert code == 2 and said.startswith(f"error: study=landscape: must be one of {', '.join(STUDIES)}")
