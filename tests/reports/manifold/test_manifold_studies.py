"""The studies of data manifolds run at smoke scale and are drawn; sparse parity is compared seed by seed."""

import json

import numpy as np
import pytest

from grok.records.per_run import final_values
from grok.reports.manifold.kept_exponents import exponent_difference
from grok.reports.manifold.sharpness import largest_step_below_sparse_parity, share_below_sparse_parity
from grok.reports.study.data import result
from tests.conftest import assert_drawn

PARITY = {"study": "quanta_scaling_parameters", "scale": "laptop"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifold_scaling", "manifold_scaling_data", "manifold_scaling_fresh"])
def test_a_study_runs_at_smoke_scale_is_judged_and_is_drawn(name, command, tmp_path):
    assert command(f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None and each["n"] > 0 for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")


def test_sparse_parity_is_compared_seed_by_seed():
    gradual = np.array([1, 0.3, 0.1, 0.02])
    curves = np.array([[gradual, gradual]]).transpose(0, 2, 1)  # [d, width, example]
    ticks = np.array([2]), np.arange(4), np.arange(2)
    subtasks = final_values(result(**PARITY), "subtask_loss").transpose("seed", "subtask", "model.width") / np.log(2)
    for seed, losses in enumerate(subtasks.values):
        weights = {True: 0.0, False: 0.0}
        for rank, curve in enumerate(losses, start=1):
            sharp = any((curve[:n] > 0.4619).all() and (curve[n:] < 0.0277).all() for n in range(1, len(curve)))
            weights[sharp] += rank**-1.4 * (curve[0] > 0.4619 and curve[-1] < 0.0277)
        found = share_below_sparse_parity(*ticks, curves, np.array(seed), **PARITY, alpha=0.4)
        assert found == pytest.approx(weights[True] / sum(weights.values()))
        below = largest_step_below_sparse_parity(*ticks, curves, np.array(seed), **PARITY)
        assert 0.3 < below < 0.5  # more than two thirds of a fall are one step there, and 0.41 here
    first, fourth = (share_below_sparse_parity(*ticks, curves, np.array(n), **PARITY, alpha=0.4) for n in (0, 3))
    assert first == fourth


def test_an_exponent_is_compared_with_the_kept_one_of_its_seed_at_the_shared_widths():
    kept = result(study="manifold_scaling", scale="laptop").sel({"task.intrinsic_dimension": 16, "seed": 1})
    widths = np.array([8, 11, 99])  # 99 is not kept
    sizes = np.array([[*kept["n_parameters"].values[:2], 1.0]])
    losses = np.array([[*final_values(kept, "test_loss").values[:2] * [1, 0.5], 1.0]])
    arguments = np.array([16]), widths, losses, sizes, np.array(1)
    found = exponent_difference(*arguments, study="manifold_scaling", scale="laptop", dimension=16)
    assert found == pytest.approx(np.log(2) / np.log(sizes[0, 1] / sizes[0, 0]))
