"""The studies of skills are drawn, and their claims hold on sweeps that follow the multilinear model."""

import numpy as np
import pytest
import xarray as xr

from grok.reports.study.ledger import load_study
from grok.science.quanta.multilinear import strength_over_time, strength_with_data, strength_with_width
from grok.science.quanta.quantization_model import zipf_frequencies
from tests.conftest import assert_drawn

FREQUENCIES = zipf_frequencies(5, alpha=0.6)
WIDTHS, EXAMPLES = [2, 4, 8, 12, 20, 400], [500, 1000, 2000, 4500, 10_000, 25_000]


def model_sweep(key: str, ticks: list[int]) -> xr.Dataset:
    """One seed by the model: all widths, the widest also over steps, or all numbers of examples."""
    steps, x = np.arange(0, 10_001, 20), np.array(ticks, float)
    strength = np.zeros((len(ticks), 1, steps.size, 5))
    if key == "model.width":
        strength[-1, 0] = strength_over_time(steps, FREQUENCIES, rate=0.03, onset=6.2)
        strength[:-1, 0, -1] = strength_with_width(x[:-1], 5, each=4.0)
    else:
        strength[:, 0, -1] = strength_with_data(x[:, None] * FREQUENCIES, critical=800.0)
    dims = (key, "seed")
    curves = {"skill_strength": ((*dims, "step", "subtask"), strength)}
    curves["train_accuracy"] = ((*dims, "step"), np.ones(strength.shape[:-1]))
    shape = strength.shape[:2]
    runs = {"finished": (dims, np.ones(shape, bool)), "last_step": (dims, np.full(shape, steps[-1]))}
    coordinates = {key: ticks, "seed": [0], "step": steps, "subtask": range(1, 6)}
    return xr.Dataset(curves | runs, coordinates, {"scale": "laptop"})


@pytest.mark.parametrize(
    ("name", "key", "ticks"),
    [("skill_emergence", "model.width", WIDTHS), ("skill_emergence_data", "task.n_train", EXAMPLES)],
)
def test_claims_hold_on_the_model_and_the_figure_is_drawn(name, key, ticks, tmp_path):
    study, sweep = load_study(name, "laptop"), model_sweep(key, ticks)
    verdicts = study.judge(sweep)
    assert all(each["holds"] for each in verdicts), [each["measured"] for each in verdicts]
    assert max(each["measured"] for each in verdicts) < 0.02
    assert_drawn(study.figure(sweep, tmp_path / "figure.png"))
