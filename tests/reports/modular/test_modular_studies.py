"""Studies of modular addition run, are judged and are drawn; the bounds are steps of the grids they are judged on."""

import json

import numpy as np
import pytest
import torch
from matplotlib.image import imread

import grok
from grok.reports.study.ledger import load_study
from grok.training.build import build
from tests.conftest import assert_drawn, composed, slow


@pytest.mark.parametrize(
    ("scale", "ahead", "equal"),
    [
        ("laptop", "symmetric_are_ahead", "subtraction_keeps_up_with_division"),
        ("paper", "symmetric_needs_less", "subtraction_is_like_division"),
    ],
)
def test_bounds_of_the_operations_are_steps_of_their_own_grid(scale, ahead, equal):
    study = load_study("power_operations", scale)
    n_fractions = len(study.preset["fractions"].split(","))
    judged = {name: claim for name, claim in study.claims.items() if scale in claim.scales}
    assert judged[ahead].bound_min == pytest.approx(1 / (3 * n_fractions), abs=5e-4)
    assert judged[equal].bound_max == -judged[equal].bound_min == pytest.approx(1 / (2 * n_fractions), abs=5e-4)
    other = "paper" if scale == "laptop" else "laptop"
    assert all(other not in judged[name].scales for name in (ahead, equal))


@pytest.mark.parametrize(
    ("name", "n_claims", "n_seeds"),
    [("modular_addition_constrained", 3, 2), *slow(("power_operations", 7, 1), ("clock_and_pizza", 7, 1))],
)
def test_a_study_runs_at_smoke_scale_is_judged_and_is_drawn(name, n_claims, n_seeds, command, tmp_path):
    code, stderr = command(f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert code == 0, stderr
    sweep = tmp_path / "sweep"
    verdicts = json.loads((sweep / "verdict.json").read_text())
    assert len(verdicts) == n_claims and all(each["n"] == n_seeds for each in verdicts)
    assert all(each["holds"] is None for each in verdicts)
    claims = load_study(name, "smoke").claims
    measured = {claim: each["measured"] for claim, each in zip(claims, verdicts, strict=True)}
    CHECKS[name](grok.load(sweep), measured, sweep / "figure.png")


def check_operations(dataset, measured, figure):
    """The advantage is the difference of best accuracies, and the heat map shows these."""
    best = dataset["test_accuracy"].max("step").isel(seed=0)
    symmetric, others = (
        best.sel({"task.operation": names}).mean().item()
        for names in (["add", "x2+y2", "x2+xy+y2"], ["subtract", "divide", "x2+xy+y2+x"])
    )
    assert measured["symmetric_are_ahead"] == pytest.approx(symmetric - others)
    assert_drawn(figure)
    pixels = imread(figure)[..., :3]
    color_at_one = np.array([0x00, 0x72, 0xB2]) / 255
    darkest = 1 - best.max().item() * (1 - color_at_one)
    assert (np.abs(pixels - darkest).max(-1) < 0.01).sum() > 500  # the darkest cell has the color of its accuracy


def check_mechanisms(dataset, measured, figure):
    """Claims use the last evaluation and the correct logit; the record has the runner-up logit, too."""
    run = dataset.isel(seed=0).sel({"model.attention_coefficient": 0.7})
    assert measured["between_is_less_symmetric"] == pytest.approx(run["gradient_symmetricity"].item())
    irrelevance = run["distance_irrelevance"].isel(step=-1).item()
    assert measured["between_depends_less_on_distance"] == pytest.approx(irrelevance)
    runner_up = run["distance_irrelevance_of_runner_up"].isel(step=-1).item()
    assert 0 < runner_up < 1 and runner_up != pytest.approx(irrelevance)
    assert_drawn(figure)


def check_constrained_norm(dataset, measured, figure):
    """The norm stays at its initial value."""
    initial = dataset["weight_norm"].isel(step=[0] * dataset.sizes["step"])
    np.testing.assert_allclose(dataset["weight_norm"], initial, rtol=1e-5)
    assert_drawn(figure)


def test_the_constrained_norm_is_that_of_the_reference():
    """It is 0.8 · 42.28 for the reference's seed 42.

    The norm of 226,816 Gaussian weights with these variances varies by 0.05 over seeds.
    """
    replicas, _ = build([composed("study=modular_addition_constrained", f"seed={seed}") for seed in range(3)])
    norms = sum(parameter.square().flatten(1).sum(1) for parameter in replicas.model.parameters()) ** 0.5
    torch.testing.assert_close(norms, torch.full((3,), 33.825), rtol=0, atol=0.25)


CHECKS = {
    "power_operations": check_operations,
    "clock_and_pizza": check_mechanisms,
    "modular_addition_constrained": check_constrained_norm,
}
