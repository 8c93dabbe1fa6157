"""Figures of phase diagrams: seeds that disagree, the direction of the axis, and published cells."""

from functools import partial

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from grok.reports.study.ledger import load_study
from grok.reports.style import PHASE_COLORS
from tests.reports.effective_theory.diagrams import phase_dataset


def has_color(image: np.ndarray, phase: str) -> np.ndarray:
    """Which pixels have the color of a phase."""
    return np.abs(image - to_rgb(PHASE_COLORS[phase])).max(-1) < 0.02


def test_seeds_that_disagree_share_a_cell_and_a_minority_has_a_square_inside(tmp_path):
    study, phases = load_study("effective_theory_s3", "laptop"), np.full((10, 11), "comprehension")
    dataset = phase_dataset(study, phases)
    dataset["phase"][2:8, 2:9, 2] = "confusion"

    def share_in_confusion(seeds: list[int]) -> float:
        one_panel = partial(study.figure, panels=None)
        image = imread(one_panel(dataset.isel(seed=seeds), tmp_path / "figure.png"))[..., :3]
        return float(has_color(image, "confusion").mean())

    whole, half, square = map(share_in_confusion, ([2], [0, 2], [0, 1, 2]))
    assert half / whole == pytest.approx(0.5, abs=0.1) and square / whole == pytest.approx(0.45**2, abs=0.08)


def test_the_smallest_weight_decay_is_on_top(tmp_path):
    study, phases = load_study("effective_theory_s3", "laptop"), np.full((10, 11), "comprehension")
    phases[:, :2] = "confusion"
    image = imread(study.figure(phase_dataset(study, phases), tmp_path / "figure.png"))[..., :3]
    in_confusion = has_color(image, "confusion")
    rows = np.flatnonzero(in_confusion.sum(1) > 0.5 * in_confusion.sum(1).max())
    assert rows.mean() < 0.5 * len(image)


def test_published_cells_have_circles_in_the_panel_of_their_seed(tmp_path):
    """One of two cells has a circle, then the other: images differ only in these cells, in the last panel."""
    study, phases = load_study("effective_theory_weight_decay", "laptop"), np.full((10, 11), "confusion", "U13")
    cells = {(2, 7): (4.64159e-5, 7.0, 1.0), (9, 1): (1e-2, 1.0, 1.0)}
    for cell in cells:
        phases[cell] = "comprehension"
    dataset = phase_dataset(study, phases)
    images = [
        imread(partial(study.figure, published=[cell])(dataset, tmp_path / "figure.png"))[..., :3]
        for cell in cells.values()
    ]
    in_comprehension = [has_color(image, "comprehension") for image in images]
    changed = np.abs(images[0] - images[1]).max(-1) > 0.02
    assert changed.any() and np.logical_or(*in_comprehension)[changed].all()
    assert changed.nonzero()[1].min() > 0.65 * changed.shape[1]
