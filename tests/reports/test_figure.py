"""The curves of a run's figure are named where there is room."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from grok.reports.figure import curves

STEPS = np.unique(np.geomspace(1, 10_000, 50).round().astype(int))


def named(train: np.ndarray, test: np.ndarray) -> dict[str, tuple[str, str]]:
    """Each curve's name with how it stands to its point."""
    axes = Figure().add_subplot()
    record = {"train_accuracy": ("step", train), "test_accuracy": ("step", test)}
    curves(axes, xr.Dataset(record, {"step": STEPS}))
    return {text.get_text(): (text.get_ha(), text.get_va()) for text in axes.texts}


@pytest.mark.parametrize(("later", "side"), [(1, "left"), (2, "left"), (30, "right")])
def test_curves_that_rise_at_about_the_same_step_are_named_on_both_their_sides(later, side):
    half = 100 * later
    found = named(1.0 * (STEPS > 100), 1.0 * (half < STEPS))
    assert found == {"train": ("right", "center"), "test": (side, "center")}


def test_a_curve_that_stays_low_is_named_above_it():
    found = named(1.0 * (STEPS > 100), np.full(STEPS.size, 0.01))
    assert found == {"train": ("right", "center"), "test": ("center", "bottom")}
    assert named(np.full(STEPS.size, 0.9), np.full(STEPS.size, 0.9))["test"] == ("center", "top")
