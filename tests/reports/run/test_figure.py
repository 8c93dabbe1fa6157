"""The curves of a run's figure are labeled where there is room."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from grok.reports.run.figure import accuracy_curves

STEPS = np.unique(np.geomspace(1, 10_000, 50).round().astype(int))


def alignments(train: np.ndarray, test: np.ndarray) -> dict[str, tuple[str, str]]:
    """The horizontal and vertical alignment of each curve's label to its point."""
    axes = Figure().add_subplot()
    record = {"train_accuracy": ("step", train), "test_accuracy": ("step", test)}
    accuracy_curves(axes, xr.Dataset(record, {"step": STEPS}))
    return {text.get_text(): (text.get_ha(), text.get_va()) for text in axes.texts}


@pytest.mark.parametrize(("factor", "side"), [(1, "left"), (2, "left"), (30, "right")])
def test_curves_that_rise_at_about_the_same_step_are_labeled_on_opposite_sides(factor, side):
    labels = alignments(train=1.0 * (STEPS > 100), test=1.0 * (100 * factor < STEPS))
    assert labels == {"train": ("right", "center"), "test": (side, "center")}


def test_a_curve_without_a_rise_is_labeled_above_or_below_its_middle():
    low = alignments(train=1.0 * (STEPS > 100), test=np.full(STEPS.size, 0.01))
    assert low == {"train": ("right", "center"), "test": ("center", "bottom")}
    high = alignments(train=np.full(STEPS.size, 0.9), test=np.full(STEPS.size, 0.9))
    assert high["test"] == ("center", "top")
