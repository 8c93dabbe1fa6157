"""A mistake in a study is found before its sweep is trained; the studies of this project have none."""

import math
from functools import partial

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from grok.checks import UserError
from grok.reports.study.signatures import check_arguments
from grok.reports.study.study import Study
from grok.reports.study.study_checks import check_claims, check_functions
from grok.science.statistics.curves import early_stopped, final, first_below, lag, measure_of_mean_curve, scalar
from grok.sweeps import study_setup
from tests.conftest import ROOT, slow
from tests.reports.study.conftest import DECLARED, claim

STUDIES = sorted(path.stem for path in (ROOT / "conf" / "study").glob("*.yaml"))
NEED_PACKAGES = ("imdb_landscape", "omnigrok_imdb", "omnigrok_qm9", "qm9_landscape")
UNKEPT = [name for name in STUDIES if not (ROOT / "results" / name).exists()]  # the others have been run
SWEPT = {"init_scale": [1.0, 2.0], "seed": [0, 1]}
RECORDED = {"test_loss": ("step",), "part_loss": ("step", "part"), "delay": (), "limit": ("part",)}


def study(**changes) -> Study:
    """A study with one claim, `c`, with these fields changed."""
    return Study(
        title="t",
        **DECLARED,
        scales={"laptop": {}, "paper": {}},
        preset={},
        figure=lambda dataset, path: path,
        claims={"c": claim(**changes)},
    )


@pytest.mark.parametrize("name", [*UNKEPT, *slow(*(name for name in STUDIES if name not in UNKEPT))])
def test_a_study_of_this_project_has_no_mistake_at_any_scale(name, monkeypatch):
    monkeypatch.setattr(study_setup, "TRIAL_SECONDS", math.inf)
    recorded = None
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [f"study={name}"], return_hydra_config=True)
        for config.scale in ("smoke", "laptop", "paper"):
            found = study_setup.make_study(config)
            if found.data is not None:  # checked with its data when it runs
                continue
            if recorded is None:
                recorded = study_setup.recorded_dims(
                    found, [f"study={name}"], lambda overrides: compose("train", overrides, return_hydra_config=True)
                )
            assert recorded or name in NEED_PACKAGES
            check_claims(found, study_setup.swept_values(config), recorded)


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (
            partial(first_below, levle=1),
            ["step", "loss"],
            r"has no argument levle \(did you mean level\?\); it takes level",
        ),
        (first_below, ["step", "loss"], "first_below needs the argument level"),
        (partial(lag, level=1), ["step", "a", "b"], "lag needs the argument later_level"),
        (final, ["step"], r"final takes \(steps, values\), but it will get 1 argument: step"),
        (scalar, [], r"scalar takes \(value\), but it will get 0 arguments: none"),
        (final, ["step", "a", "b"], "it will get 3 arguments: step, a, b"),
        (partial(measure_of_mean_curve, measure=final), ["x"], r"takes \(x, seeds, \*curves\), but it will get 1"),
        (
            partial(measure_of_mean_curve, measure=partial(final, at=3)),
            ["x", "seeds"],
            "^f.measure: final has no argument at",
        ),
        (partial(final, values=1), ["step", "loss"], r"final takes \(steps\), but it will get 2"),
    ],
)
def test_a_wrong_argument_is_named(function, given, message):
    with pytest.raises(UserError, match=message):
        check_arguments("f", function, given)


def test_right_arguments_are_accepted():
    check_arguments("f", partial(first_below, level=1), ["step", "loss"])
    check_arguments("f", partial(partial(lag, level=1), later_level=2), ["step", "a", "b"])
    check_arguments("f", partial(measure_of_mean_curve, measure=final), ["x", "seeds", "a", "b"])
    check_arguments("f", np.add, ["a", "b"])  # a function without a signature in some versions of NumPy


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": ["test_loss", "delay"]}, r"claims.c.measure: final takes \(steps, values\), but it will get 3"),
        (
            {"dims": [], "measure": scalar, "reduce": early_stopped},
            r"claims.c.measure.reduce: .* get 2 arguments: step, test_loss",
        ),
        (
            {"scales": ["lapto"]},
            r"claims.c.judged_at.scales: no scale lapto \(did you mean laptop\?\); the study has laptop, paper",
        ),
    ],
)
def test_a_function_that_does_not_fit_its_claim_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        check_functions(study(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": "tst_loss"}, r"claims.c.measure.of: tst_loss is not recorded \(did you mean test_loss\?\)"),
        (
            {"dims": ["stp"]},
            r"measure.over: no stp \(did you mean step\?\); there is init_scale, seed, step, part",
        ),
        ({"where": {"init_scal": 1}}, r"claims.c.measure.where: no init_scal \(did you mean init_scale\?\)"),
        (
            {"where": {"init_scale": 3}},
            r"where.init_scale=3: is not swept at this scale; the values are 1.0, 2.0",
        ),
        ({"where": {"init_scale": "2"}}, r"measure.where.init_scale='2': is not swept"),
        ({"where": {}}, "claims.c.measure.over: test_loss varies over init_scale, too"),
        ({"quantity": "part_loss"}, "claims.c.measure.over: part_loss varies over part, too"),
        ({"quantity": "delay"}, "claims.c.measure.over: delay has no steps; leave out step"),
        ({"reduce": final}, "claims.c.measure.over: the claim cannot vary over step, because reduce leaves no steps"),
        (
            {"dims": ["step", "part"]},
            "measure.over: the claim cannot vary over part, because its quantity does not",
        ),
    ],
)
def test_what_the_sweep_does_not_give_is_named(changes, message):
    with pytest.raises(UserError, match=message):
        check_claims(study(**changes), SWEPT, RECORDED)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"where": {"init_scale": 1 + 1e-12}},
        {"where": {"init_scale": [1, 2]}, "dims": ["init_scale", "step"]},
        {"quantity": "part_loss", "where": {"init_scale": 2, "part": "a"}},
        {"quantity": ["delay", "limit"], "where": {}, "dims": ["init_scale", "part"]},
        {"quantity": "part_loss", "dims": ["part", "seed"], "reduce": final},
    ],
)
def test_what_the_sweep_gives_is_accepted(changes):
    check_claims(study(**changes), SWEPT, RECORDED)


def test_without_known_quantities_only_swept_keys_are_checked():
    check_claims(study(quantity="tst_loss", dims=["part"]), SWEPT, None)
    with pytest.raises(UserError, match=r"claims.c.measure.over: no task.alpha"):
        check_claims(study(dims=["task.alpha"]), SWEPT, None)
    check_claims(study(), {**SWEPT, "init_scale": []}, None)  # values that are chosen during the sweep
    with pytest.raises(UserError, match=r"hydra.sweeper.params must have seed"):
        check_claims(study(), {"init_scale": [2.0]}, None)


def test_quantities_are_not_known_without_a_small_scale_or_if_a_run_cannot_be_built():
    def refuse(overrides: list[str]):
        raise UserError("the data are not installed")

    assert study_setup.recorded_dims(study(), [], refuse) is None
    small = Study(title="t", **DECLARED, scales={"smoke": {}}, preset={}, figure=print, claims={})
    assert study_setup.recorded_dims(small, [], refuse) is None


CLAIM = "study.claims.lowest_at_one"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (f"+{CLAIM}.rational=x", f"{CLAIM}: no key rational"),
        (f"+{CLAIM}.bounds.rational=x", f"{CLAIM}.bounds: no key rational (did you mean rationale?)"),
        (f"~{CLAIM}.bounds.rationale", f"{CLAIM}.bounds: needs rationale"),
        (f"+{CLAIM}.measure.argmax=null", f"{CLAIM}.measure: has the functions argmin, argmax; only one is allowed"),
        (f"{CLAIM}.measure.argmin=1", f"{CLAIM}.measure.argmin=1: argmin takes no arguments by name"),
        (f"+{CLAIM}.measure.argmin.level=1", f"{CLAIM}.measure: argmin has no argument level; it takes no arguments"),
        (f"{CLAIM}.measure.over=[]", f"{CLAIM}.measure: argmin takes (x, y), but it will get 1 argument: test_loss"),
        (f"{CLAIM}.measure.of=tst_loss", f"{CLAIM}.measure.of: tst_loss is not recorded (did you mean test_loss?)"),
        (f"+{CLAIM}.measure.where.init_scale=7", f"{CLAIM}.measure.where.init_scale=7: is not swept at this scale"),
        ("~study.figure.grid.size", "study.figure: grid needs the argument size"),
        ("+study.figure.grid.sise=1", "study.figure: grid has no argument sise (did you mean size?)"),
    ],
)
def test_the_command_refuses_a_mistake_in_a_study_in_one_line_before_training(command, tmp_path, argument, message):
    code, error = command("study=teacher_student_landscape", "scale=smoke", argument, "hydra.sweep.dir=sweep")
    assert code == 2 and error.startswith(f"error: {message}") and error.count("\n") == 1
    assert not (tmp_path / "sweep").exists()
