"""A study of modular addition runs, is judged and is drawn; bounds are those of the grids that they are judged on."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

import grok
from grok.reports.claims import study


@pytest.mark.parametrize(
    ("scale", "needs_less", "alike"),
    [
        ("laptop", "symmetric_are_ahead", "subtraction_keeps_up_with_division"),
        ("paper", "symmetric_needs_less", "subtraction_is_like_division"),
    ],
)
def test_the_bounds_of_the_operations_are_steps_of_their_own_grid(scale, needs_less, alike):
    declared = study("power_operations", scale)
    n_fractions = len(declared.now["fractions"].split(","))
    judged = {name: claim for name, claim in declared.claims.items() if scale in claim.scales}
    assert judged[needs_less].at_least == pytest.approx(1 / (3 * n_fractions), abs=5e-4)
    assert judged[alike].at_most == -judged[alike].at_least == pytest.approx(1 / (2 * n_fractions), abs=5e-4)
    other = "paper" if scale == "laptop" else "laptop"
    assert all(other not in judged[name].scales for name in (needs_less, alike))


def test_the_study_of_operations_runs_at_smoke_scale_judges_and_draws(command, tmp_path):
    code, said = command("study=power_operations", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert code == 0, said
    sweep = tmp_path / "sweep"
    verdict = json.loads((sweep / "verdict.json").read_text())
    assert len(verdict) == 7 and all(each["holds"] is None and each["n"] == 1 for each in verdict)
    dataset = grok.load(sweep)
    best = dataset["test_accuracy"].max("step").isel(seed=0)
    symmetric, others = (
        best.sel({"task.operation": names}).mean().item()
        for names in (["add", "x2+y2", "x2+xy+y2"], ["subtract", "divide", "x2+xy+y2+x"])
    )
    (ahead,) = [each for each in verdict if "are ahead" in each["claim"]]
    assert ahead["measured"] == pytest.approx(symmetric - others)
    assert_drawn(sweep / "figure.png", best)


def assert_drawn(path, best):
    """The heat map, whose darkest cell is as dark as its accuracy."""
    pixels = imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 400 and (pixels < 0.9).any(-1).mean() > 0.005, "blank"
    full = np.array([0x00, 0x72, 0xB2]) / 255
    darkest = 1 - best.max().item() * (1 - full)
    assert (np.abs(pixels - darkest).max(-1) < 0.01).sum() > 500
