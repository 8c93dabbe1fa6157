"""The page of a run opens from disk in a real browser, and its figure has the curves."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from grok.records.summary import summarize
from grok.reports.run.page import run_page
from tests.reports.conftest import opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_draws_its_charts_without_errors_and_requests(run, browser, scheme):
    file = run("steps=200", "task.thresholds.memorization=0.01") / "report.html"
    page, messages, requests = opened(browser, file, embedded=False, color_scheme=scheme)
    assert page.locator(".ytitle").all_text_contents() == ["accuracy", "loss"]  # the others are folded
    page.click("#all")
    page.wait_for_function("document.querySelectorAll('.chart:not(.js-plotly-plot)').length === 0")
    titles = page.locator(".ytitle").all_text_contents()
    assert titles == ["accuracy", "loss", "weight norm", "weight norm by layer"]
    for chart in range(len(titles)):
        curves = page.locator(".chart").nth(chart).locator(".scatterlayer .js-line")
        assert curves.count() >= 2 and all(curve.get_attribute("d") for curve in curves.all())
    axis_type = "document.querySelector('.chart').layout.xaxis.type"
    assert page.evaluate(axis_type) == "log"
    page.click("#axis")
    assert page.evaluate(axis_type) == "linear"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in background.removeprefix("rgb(").removesuffix(")").split(",")) / 3
    assert brightness > 250 if scheme == "light" else brightness < 50
    other_paper = "#ffffff" if scheme == "dark" else "#15181c"
    assert page.evaluate("document.querySelector('.chart').layout.paper_bgcolor") != other_paper
    assert messages == [] and requests == []
    page.close()


def assert_colors(file, *, min_pixels: int):
    """The figure has the colors of train, test and weight norm."""
    pixels = (imread(file)[..., :3] * 255).round()
    for color in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x76, 0x76, 0x76)):
        assert (np.abs(pixels - color).max(-1) < 8).sum() > min_pixels


def test_the_figure_has_the_colors_of_its_three_curves(run):
    folder = run("steps=200", "task.tolerance=0.05")
    assert_colors(folder / "figure.png", min_pixels=200)
    assert (folder / "figure.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("steps", [0, 1])
def test_a_run_with_one_evaluation_on_the_axis_shows_points(run, browser, steps):
    folder = run(f"steps={steps}")
    assert_colors(folder / "figure.png", min_pixels=100)
    page, messages, _ = opened(browser, folder / "report.html")
    assert page.evaluate("document.querySelector('.chart').layout.xaxis.type") == ("log" if steps else "linear")
    assert page.locator("#axis").is_visible() == bool(steps)
    assert page.locator(".chart").first.locator(".scatterlayer .point").count() >= 2 and messages == []
    page.close()


def test_a_diverged_loss_is_a_gap_in_the_chart():
    curves = {name: np.array([1.0, np.inf, np.nan]) for name in ("train_loss", "test_loss")}
    curves |= {name: np.array([0.1, 0.1, 0.1]) for name in ("train_accuracy", "test_accuracy")}
    attributes = {"chart": "loss", "long_name": "train loss", "log_scale": 1}
    record = xr.Dataset(
        {name: ("step", values, attributes) for name, values in curves.items()},
        {"step": [0, 1, 2]},
        {
            "config": '{"name": "x", "seed": 0}',
            "seconds": 1.0,
            "memorization_threshold": 0.9,
            "generalization_threshold": 0.9,
            "grokking_delay": 1,
            "thresholds_stay": 1,
        },
    )
    summary = summarize(record)
    assert summary["train_loss"] is None and summary["phase"] == "confusion"
    assert "Infinity" not in run_page(record, summary).partition("const figures")[2]
