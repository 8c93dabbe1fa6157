"""Losses and exponents of scaling fits: which evaluation they use, and what early stopping predicts."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from grok.reports.study.ledger import load_study
from tests.reports.quanta.theory import n_learned_by_step, n_learned_by_width, theory_dataset


def test_all_losses_are_of_one_step_and_early_stopping_uses_other_test_points():
    """The validation loss is lowest at the second evaluation, the test loss at the third, the subtasks' at the last."""
    curves = {
        "validation_loss": [0.5, 0.2, 0.4, 0.4],
        "held_out_loss": [0.5, 0.3, 0.1, 0.4],
        "test_loss": [0.5, 0.25, 0.2, 0.4],
        "held_out_subtask_loss": [0.5, 0.31, 0.11, 0.01],
        "subtask_loss": [0.5, 0.26, 0.21, 0.02],
    }
    keys = {"task.n_train": [100, 200], "task.alpha": [0.4], "seed": [0]}
    dataset = theory_dataset(keys, np.array([0, 10, 20, 30]), lambda p, n_train, alpha, seed: np.zeros(4))
    dataset = dataset.assign(
        {name: 0 * dataset[name] + xr.DataArray(curve, dims="step") for name, curve in curves.items()}
    )
    study = load_study("quanta_scaling_data", "laptop")
    panel = study.figure.keywords["rows"][1][0].keywords
    lowest, stopped = (scaling.points(dataset.sel(panel["where"]))[0] for scaling in panel["scalings"])
    for points, mean, subtasks in ((lowest, 0.2, 0.21), (stopped, 0.3, 0.31)):
        assert points.mean.tolist() == [mean] * 2 and np.unique(points.losses).tolist() == [subtasks]
    measured = []
    for name in ("law_for_this_size", "law_with_early_stopping"):
        claim = replace(study.claims[name], measure=lambda *values: measured.append(values[3:]) or 0.0)
        claim.judge(dataset, "laptop")
    for (losses, means), mean, subtasks in zip(measured, (0.2, 0.3), (0.21, 0.31), strict=True):
        assert np.unique(means).tolist() == [mean] and np.unique(losses).tolist() == [subtasks]


def test_at_any_stopping_step_the_exponent_follows_the_number_of_subtasks_limited_by_width_and_steps():
    steps = np.unique(np.geomspace(100, 9000, 12).round().astype(int))
    keys = {"model.width": [5, 9, 16, 30, 55], "seed": [0, 1]}
    dataset = theory_dataset(
        keys, steps, lambda p, width, seed: np.minimum(n_learned_by_step(p, steps), n_learned_by_width(p, width))
    )
    panel = load_study("quanta_scaling_parameters", "laptop").figure.keywords["rows"][0][0]
    scaling = panel.keywords["scaling"]
    stops, over_steps = scaling.at_stopping_steps(dataset), scaling.versus_steps()
    constants = {
        "constant": scaling.constant(scaling.points(dataset), 0.4),
        "steps_constant": over_steps.constant(over_steps.points(dataset.isel({"model.width": -1})), 0.4),
    }
    assert [step for step, _, _ in stops] == steps.tolist()
    for step, fit, seeds in stops:
        predicted = fit.predicted_exponent_when_stopped(step, seeds, 0.4, **constants)
        assert -fit.fit_power_law(seeds)[0].exponent == pytest.approx(predicted, abs=0.05)
    last, first = (scaling.fit_power_law(stops[at][2])[0].exponent for at in (-1, 0))
    assert (
        last == scaling.fit_power_law(scaling.points(dataset))[0].exponent < -0.4 < first == pytest.approx(0, abs=0.01)
    )
