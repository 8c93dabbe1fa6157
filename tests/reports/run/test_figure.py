"""The curves of a run's figure are labeled where there is room."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from grok.reports.run.figure import accuracy_curves, draw

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


def test_a_curve_without_a_rise_is_labeled_above_or_below_it():
    low = alignments(train=1.0 * (STEPS > 100), test=np.full(STEPS.size, 0.01))
    assert low == {"train": ("right", "center"), "test": ("center", "bottom")}
    high = alignments(train=np.full(STEPS.size, 0.9), test=np.full(STEPS.size, 0.9))
    assert high == {"train": ("right", "top"), "test": ("left", "top")}


def rise(step: float | None, level: float = 1.0) -> np.ndarray:
    """An accuracy that rises from 0 to the level at a step; a flat one at the level for None."""
    return level * (np.full(STEPS.size, 1.0) if step is None else 1 / (1 + (step / STEPS) ** 4))


@pytest.mark.parametrize("steps", [(None, None), (5, 5), (5, 9), (2, 3), (3, 12), (100, 550), (20, 9999), (9000, 9999)])
@pytest.mark.parametrize("level", [1.0, 0.5, 0.02])
def test_no_two_labels_overlap_and_all_are_inside_the_figure(steps, level, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("grok.reports.run.figure.save_figure", lambda figure, *args, **options: figures.append(figure))
    curves = {
        "train_accuracy": ("step", rise(steps[0], max(level, 0.9))),
        "test_accuracy": ("step", rise(steps[1], level)),
    }
    record = xr.Dataset(curves | {"weight_norm": ("step", np.linspace(60, 40, STEPS.size))}, {"step": STEPS})
    draw(record, {"memorization_step": steps[0], "generalization_step": steps[1]}, tmp_path / "x.png", vector=False)
    renderer = FigureCanvasAgg(figures[0]).get_renderer()
    figures[0].draw(renderer)
    boxes = [text.get_window_extent(renderer) for axes in figures[0].axes for text in axes.texts]
    assert len(boxes) == 2 + len({step for step in steps if step})
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(figures[0].bbox.contains(*corner) for box in boxes for corner in box.corners())
