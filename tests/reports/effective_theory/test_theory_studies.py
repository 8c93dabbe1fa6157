"""Studies of the effective theory run, are drawn, and hold on a Dataset that follows the theory."""

import json

import numpy as np
import pytest
import xarray as xr

from grok.reports.effective_theory.theory_panels import expected_curves
from grok.reports.study.ledger import load_study
from grok.science.effective_theory import effective_loss
from tests.conftest import assert_drawn, slow
from tests.reports.planted import failing


def theory_dataset() -> xr.Dataset:
    """Runs of all training-set sizes; they reach a linear representation after 3 n_h steps from 30 pairs on."""
    sizes, seeds, steps = [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 54], [*range(10)], np.array([0, 10_000])
    rate = np.interp([size / 55 for size in sizes], *expected_curves(10, 2000)[::2])[:, None].repeat(len(seeds), 1)
    is_linear = np.array([size >= 30 for size in sizes])[:, None].repeat(len(seeds), 1)
    n_h = effective_loss.relaxation_steps(rate, length=9.0, learning_rate=1e-3)
    fraction = np.array(sizes)[:, None] / 55 + 0 * rate
    final_values = {
        "rqi": is_linear.astype(float),
        "predicted_accuracy": fraction,
        "full_table_accuracy": fraction + 0.02,
        "train_accuracy": 0 * rate + 1,
    }
    dims = ("task.n_train", "seed")
    dataset = xr.Dataset(
        {name: ((*dims, "step"), np.stack([0 * final, final], -1)) for name, final in final_values.items()},
        {"task.n_train": sizes, "seed": seeds, "step": steps},
        {"scale": "laptop"},
    )
    return dataset.assign(
        slowest_rate=(dims, rate),
        slowest_mean_rate=(dims, rate / 47),  # divided by |P₀(D)| of 45 pairs
        ideal_rqi=(dims, is_linear.astype(float)),
        ideal_accuracy=(dims, np.minimum(fraction + 0.1, 1)),
        rqi_step=(dims, np.where(is_linear, 3 * n_h, np.nan)),
        finished=(dims, np.ones(rate.shape, bool)),
        last_step=(dims, np.full(rate.shape, 10_000)),
    )


@pytest.mark.parametrize("name", ["representation", "grokking_rate"])
def test_all_claims_hold_on_runs_that_follow_the_theory(name, tmp_path):
    """One claim has the paper's scale of time; these runs have the scale of its code."""
    study, dataset = load_study(f"effective_theory_{name}", "laptop"), theory_dataset()
    assert failing(study, dataset) == ({"scale_of_the_paper"} if name == "grokking_rate" else set())
    assert_drawn(study.figure(dataset, tmp_path / "figure.png"))


@pytest.mark.parametrize(
    "name",
    [
        "effective_theory_s3",
        *slow(*(f"effective_theory_{name}" for name in ("phase_diagram", "weight_decay", "classes", "default"))),
        *slow("effective_theory_grokking_rate", "transformer_phase_diagram"),
    ],
)
def test_a_study_runs_at_smoke_scale_is_judged_and_is_drawn(name, command, tmp_path):
    assert command(f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None and each["n"] > 0 for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")
