"""A claim is judged on a sweep's Dataset: the claim declares what agrees, and the records give the measured value."""

import json
from hashlib import sha256

import numpy as np
import pytest
import xarray as xr

from grok.checks import UserError
from grok.reports.study.data import result
from grok.science.statistics.curves import argmin, early_stopped, final, first_reaching, minimum, scalar, value_at
from grok.science.statistics.phases import n_phases
from tests.conftest import ROOT
from tests.reports.study.conftest import claim


def test_a_claim_holds_if_the_mean_over_seeds_is_within_its_bounds(dataset):
    verdict = claim(bound_min=2.0).judge(dataset, "laptop")
    assert verdict["measured"] == pytest.approx((1 + 3 + 5) / 3) and verdict["n"] == 3 and verdict["holds"] is True
    assert (verdict["low"], verdict["high"]) == (1, 5)
    assert claim(bound_min=3.5).judge(dataset, "laptop")["holds"] is False
    assert claim(bound_max=2.5).judge(dataset, "laptop")["holds"] is False


def test_a_seed_without_a_run_is_not_counted(dataset):
    verdict = claim(where={"init_scale": 1.0}).judge(dataset, "paper")
    assert verdict["measured"] == pytest.approx((3 + 4) / 2) and verdict["n"] == 2


def test_a_claim_can_be_measured_along_a_swept_key(dataset):
    verdict = claim(where={}, dims=["init_scale"], measure=argmin).judge(dataset, "paper")
    assert verdict["measured"] == 2.0 and verdict["n"] == 2  # seed 2 lacks a run
    phases = claim(quantity="phase", where={}, dims=["init_scale"], measure=lambda x, y: n_phases(x, x[:1], y[:, None]))
    assert phases.judge(dataset, "paper")["measured"] == pytest.approx((2 + 1) / 2)


def test_a_claim_along_seeds_is_measured_once_on_all_of_them(dataset):
    dims = ["init_scale", "seed"]
    of_all_seeds = claim(where={}, dims=dims, measure=lambda scales, seeds, loss: loss[1, 2] - loss[0, 0])
    assert of_all_seeds.judge(dataset, "paper")["n"] == 0  # seed 2 lacks a run
    dataset["finished"][0, 2] = True
    verdict = of_all_seeds.judge(dataset, "paper")
    assert verdict["measured"] == 5 - 3 and verdict["n"] == 3 and verdict["low"] is None


def test_a_claim_can_be_measured_on_several_quantities(dataset):
    both = claim(
        quantity=["test_loss", "test_accuracy"],
        measure=lambda steps, loss, accuracy: float(steps[-1] + (loss * accuracy)[-1]),  # the accuracy is 1 / loss
        bound_max=20.0,
    ).judge(dataset, "paper")
    assert both["measured"] == pytest.approx((21 + 21 + 11) / 3) and both["n"] == 3  # seed 2 ended at step 10
    with pytest.raises(UserError, match=r"study.claims: 'c' cannot be measured on this sweep: .*tst_loss"):
        claim(quantity=["test_loss", "tst_loss"]).judge(dataset, "paper")


def test_a_claim_can_pair_seeds_with_those_of_a_kept_result_whose_checksum_it_keeps(dataset):
    def paired(loss, seed):
        kept = result(study="omnigrok_mnist", scale="laptop")["seed"].values
        return loss + 100 * kept[int(seed)]

    verdict = claim(quantity=["test_loss", "seed"], dims=[], measure=paired).judge(dataset, "paper")
    assert verdict["measured"] == pytest.approx((1 + 3 + 5) / 3 + 100 * (0 + 1 + 2) / 3)
    path = "results/omnigrok_mnist/laptop/sweep.nc"
    assert verdict["files"] == {path: sha256((ROOT / path).read_bytes()).hexdigest()}
    assert "files" not in claim().judge(dataset, "paper")


def test_a_quantity_without_seeds_counts_once(dataset):
    dataset["published"] = 0.5
    verdict = claim(quantity="published", where={}, dims=[], measure=scalar).judge(dataset, "paper")
    assert (verdict["n"], verdict["measured"], verdict["low"]) == (1, 0.5, None)


def test_a_claim_can_reduce_each_curve_to_a_number(dataset):
    ratio = claim(where={}, dims=["init_scale"], reduce=final, measure=lambda x, y: y[0] / y[1])
    verdict = ratio.judge(dataset, "paper")
    assert verdict["measured"] == pytest.approx((3 / 1 + 4 / 3) / 2)  # of the final values of each run
    last_step = claim(reduce=lambda steps, values: steps[-1], dims=[], measure=scalar)
    assert last_step.judge(dataset, "paper")["measured"] == pytest.approx((20 + 20 + 10) / 3)


def test_a_claim_can_reduce_several_curves_to_one_number(dataset):
    dataset["validation_loss"] = -dataset["test_loss"]
    stopped = claim(quantity=[["validation_loss", "test_loss"]], dims=[], reduce=early_stopped, measure=scalar)
    assert stopped.judge(dataset, "paper")["measured"] == 8  # at step 0, where the validation loss is lowest


def test_one_quantity_may_have_more_dimensions_than_another(dataset):
    parts = xr.DataArray([1.0, 10.0], {"part": ["a", "b"]}, ["part"])
    dataset["part_loss"] = dataset["test_loss"] * parts

    def measure(scales, names, loss, part_loss):
        assert (scales.tolist(), names.tolist()) == ([1, 2], ["a", "b"])
        return float((part_loss - np.stack([loss, 10 * loss], axis=1)).max())

    both = claim(quantity=["test_loss", "part_loss"], where={}, dims=["init_scale", "part"], measure=measure)
    assert both.judge(dataset, "paper")["measured"] == 0
    lowest = claim(quantity="part_loss", dims=["part"], reduce=minimum, measure=lambda names, values: values[1])
    assert lowest.judge(dataset, "paper")["measured"] == pytest.approx(10 * (1 + 3 + 5) / 3)


def test_a_claim_along_steps_and_a_key_uses_the_evaluation_steps_that_all_runs_have(dataset):
    last_step = claim(where={}, dims=["init_scale", "step"], measure=lambda scales, steps, loss: float(steps[-1]))
    assert last_step.judge(dataset.isel(seed=[0, 1]), "paper")["measured"] == 20
    dataset["finished"][0, 2] = True
    dataset["test_loss"][0, 2] = dataset["train_accuracy"][0, 2] = 1.0
    assert last_step.judge(dataset.isel(seed=[2]), "paper")["measured"] == 10  # the run at init_scale 2 ended there


def test_a_step_that_was_never_reached_has_no_value_and_fails(dataset):
    verdict = claim(measure=lambda steps, values: first_reaching(steps, values, level=99.0)).judge(dataset, "paper")
    assert verdict["measured"] is None and verdict["holds"] is False
    json.dumps(verdict, allow_nan=False)
    never = claim(quantity="generalization_step", where={"init_scale": 1.0}, dims=[], measure=scalar)
    assert never.judge(dataset, "paper")["n"] == 2 and never.judge(dataset, "paper")["holds"] is False


def test_a_diverged_loss_has_no_value_and_fails(dataset):
    dataset["test_loss"][1, 0, 2] = np.nan
    for dims, measure in (([], scalar), (["step"], final)):
        verdict = claim(quantity="test_loss", dims=dims, measure=measure).judge(dataset, "paper")
        assert verdict["n"] == 3 and verdict["measured"] is None and verdict["holds"] is False


def test_a_curve_that_ended_before_the_measured_step_has_no_value(dataset):
    early = claim(measure=lambda steps, values: value_at(steps, values, step=20)).judge(dataset, "paper")
    assert early["measured"] is None and early["holds"] is False


def test_an_altered_study_is_not_judged(dataset):
    verdict = claim().judge(dataset.assign_attrs(altered="steps=30"), "paper")
    assert verdict["holds"] is None and verdict["not_judged_because"] == "altered by steps=30"


@pytest.mark.parametrize("changes", [{"quantity": "tst_loss"}, {"dims": ["width"]}, {"where": {"init_scale": 7.0}}])
def test_the_error_names_a_claim_that_cannot_be_measured(dataset, changes):
    with pytest.raises(UserError, match=r"study.claims: 'c' cannot be measured on this sweep"):
        claim(**changes).judge(dataset, "smoke")
