"""Plots of a sparse-parity run: files in its folder, and subtasks that the page highlights."""

from pathlib import Path

import numpy as np
import pytest

import grok
from grok.science.quanta.emergence import CONVERGED_BITS, NATS_PER_BIT, convergence_steps
from grok.science.quanta.quantization_model import zipf_frequencies
from tests.conftest import assert_drawn, trained_in
from tests.reports.conftest import opened

PARITY = (
    "task=sparse_parity",
    "task.n_subtasks=8",
    "task.n_bits=6",
    "task.subset_size=2",
    "task.n_test_per_subtask=20",
    "model.width=32",
    "batch_size=200",
    "optimizer.lr=0.03",
    "evaluate.per_decade=10",
    "logger=none",
)
PLOTS = {"subtask_curves.png", "convergence.png"}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    """The folder of a sparse-parity run that learns a few subtasks."""
    return trained_in(tmp_path_factory.mktemp("parity") / "run", *PARITY, "steps=200")


def test_a_run_has_its_plots(run_dir):
    for name in PLOTS:
        assert_drawn(run_dir / name)


def test_a_run_that_has_learned_nothing_has_its_plots(tmp_path):
    folder = trained_in(tmp_path / "run", *PARITY, "steps=1")
    assert {path.name for path in folder.glob("*.png")} == PLOTS | {"figure.png"}
    assert "not drawn" not in (folder / "report.html").read_text()


@pytest.mark.parametrize("steps", [1, 20])
def test_a_run_of_composites_has_the_plot_of_its_subtasks(steps, tmp_path):
    small = (
        "task=compositional_parity",
        "task.n_test_per_subtask=20",
        "model.width=16",
        "batch_size=40",
        "logger=none",
    )
    folder = trained_in(tmp_path / "run", *small, f"steps={steps}")
    assert_drawn(folder / "composition.png")
    assert "not drawn" not in (folder / "report.html").read_text()
    assert grok.load(folder)["subtask"].values.tolist() == ["1", "2", "3", "1+2+3"]


def test_the_slider_and_the_pointer_select_a_subtask_on_the_page(run_dir, browser):
    page, messages, requests = opened(browser, run_dir / "report.html")
    record = grok.load(run_dir)
    losses = record["subtask_loss"].values / NATS_PER_BIT
    learned = convergence_steps(record["step"].values, losses, below=CONVERGED_BITS)
    assert np.isfinite(learned[0]) and np.isnan(learned[7])
    assert page.locator("#subtask-name").text_content() == (
        f"1 of 8: {100 * zipf_frequencies(8, alpha=0.4)[0]:.3g} % of the examples, learned by step {learned[0]:.0f}"
    )
    page.locator("#subtask-rank").evaluate("slider => { slider.value = 7; slider.dispatchEvent(new Event('input')) }")
    assert page.locator("#subtask-name").text_content().endswith("not learned")
    curve = page.locator("#subtask-curves polyline").nth(0)  # of the first subtask
    x, y = map(float, curve.get_attribute("points").split()[-1].split(","))
    page.locator("#subtask-curves").scroll_into_view_if_needed()
    box = page.locator("#subtask-curves").bounding_box()
    page.mouse.move(box["x"] + x * box["width"] / 1000, box["y"] + y * box["height"] / 520)
    assert page.locator("#subtask-name").text_content().startswith("1 of 8")
    assert messages == [] and requests == []
    page.close()
