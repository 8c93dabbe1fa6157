"""The study of skills is drawn at smoke scale, and its claims hold on a sweep that follows the multilinear model."""

import numpy as np
import xarray as xr

from grok.reports.study.ledger import load_study
from grok.science.quanta.multilinear import strength_over_time, strength_with_data, strength_with_width
from grok.science.quanta.quantization_model import zipf_frequencies
from tests.conftest import assert_drawn

FREQUENCIES = zipf_frequencies(5, alpha=0.6)
WIDTHS, EXAMPLES = [2, 4, 8, 12, 20, 400], [500, 1000, 2000, 4500, 10_000, 25_000]


def model_sweep() -> xr.Dataset:
    """One seed: the widest network over steps and examples, and all widths with new examples, by the model."""
    steps = np.arange(0, 10_001, 20)
    time = strength_over_time(steps, FREQUENCIES, rate=0.003, target=5.0, start=0.01)
    data = strength_with_data(np.array(EXAMPLES, float)[:, None] * FREQUENCIES, critical=800.0)
    strength = np.zeros((6, 7, 1, steps.size, 5))
    strength[:, 0, 0, -1] = strength_with_width(np.array(WIDTHS, float), 5, each=4.0)
    strength[-1, 1:, 0, -1] = data
    strength[-1, 0, 0] = time
    ticks = {"model.width": WIDTHS, "task.n_train": ["null", *map(str, EXAMPLES)], "seed": [0]}
    dims = tuple(ticks)
    curves = {"skill_strength": ((*dims, "step", "subtask"), strength)}
    curves["train_accuracy"] = ((*dims, "step"), np.ones(strength.shape[:-1]))
    runs = {"finished": (dims, np.ones((6, 7, 1), bool)), "last_step": (dims, np.full((6, 7, 1), steps[-1]))}
    return xr.Dataset(curves | runs, {**ticks, "step": steps, "subtask": range(1, 6)}, {"scale": "laptop"})


def test_claims_hold_on_the_model_and_the_figure_has_three_panels(tmp_path):
    study, sweep = load_study("skill_emergence", "laptop"), model_sweep()
    verdicts = study.judge(sweep)
    assert [each["holds"] for each in verdicts] == [True] * 3, [each["measured"] for each in verdicts]
    assert max(each["measured"] for each in verdicts) < 0.02
    assert_drawn(study.figure(sweep, tmp_path / "figure.png"))
