"""The page of a run of modular addition at three widths: its size, what is folded, and what moves."""

from pathlib import Path

import pytest

from tests.conftest import ADDITION, slow, trained_in
from tests.reports.conftest import opened

MAX_HEIGHT = 3 * 900  # three screens
LAYOUTS = [(1200, "light"), (800, "light"), (390, "light"), (390, "dark")]
LABELS = ".ytick text, .xtick text, .annotation text, .legendtext, .xtitle, .ytitle"
# Pairs of texts of a chart whose boxes overlap by more than a pixel.
OVERLAPS = f"""
[...document.querySelectorAll(".chart")].flatMap(chart => {{
  const texts = [...chart.querySelectorAll("{LABELS}")]
    .map(each => ({{ name: each.textContent, box: each.getBoundingClientRect() }}));
  const common = (a, b, low, high) => Math.min(a[high], b[high]) - Math.max(a[low], b[low]) > 1;
  const overlap = (a, b) => common(a, b, "left", "right") && common(a, b, "top", "bottom");
  return texts.flatMap((a, i) => texts.slice(i + 1).filter(b => overlap(a.box, b.box)).map(b => [a.name, b.name]));
}})
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The page of a run of modular addition that memorizes and generalizes at almost the same step."""
    low = ("task.thresholds.memorization=0.06", "task.thresholds.generalization=0.02")
    return trained_in(tmp_path_factory.mktemp("trained") / "run", *ADDITION, *low, "optimizer.lr=0.01") / "report.html"


@pytest.mark.parametrize(("width", "scheme"), [*LAYOUTS, *slow((1200, "dark"), (800, "dark"))])
def test_the_page_fits_the_width_and_no_labels_of_a_chart_overlap(report, browser, width, scheme):
    size = {"width": width, "height": 900}
    page, messages, requests = opened(browser, report, viewport=size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if width == 1200:
        assert page.evaluate("document.documentElement.scrollHeight") <= MAX_HEIGHT
    accuracy, loss = (page.locator(".chart").nth(number).bounding_box() for number in range(2))
    assert (accuracy["y"] == loss["y"]) == (width >= 800)  # side by side
    assert page.locator("dt").all_text_contents()[:2] == ["memorized", "generalized"]
    assert page.locator(".annotation").count() == 2
    assert messages == [] and requests == []
    if scheme == "light":
        assert_no_overlap(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width and messages == []
    page.close()


def assert_no_overlap(page) -> None:
    """Open all charts; their labels overlap on neither step axis."""
    page.click("#all")
    page.wait_for_function("document.querySelectorAll('.chart:not(.js-plotly-plot)').length === 0")
    for _ in ("log", "linear"):
        assert page.evaluate(OVERLAPS) == []
        page.click("#axis")


def test_a_folded_chart_is_drawn_when_it_is_opened_and_follows_the_step_axis(report, browser):
    page, messages, _ = opened(browser, report)
    drawn = page.locator(".js-plotly-plot")
    assert drawn.count() == 2
    folded = page.locator("details.quantity").first
    folded.locator("summary").click()
    folded.locator(".js-line").first.wait_for(state="attached")
    assert drawn.count() == 3
    folded.locator("summary").click()
    page.click("#axis")
    folded.locator("summary").click()
    chart = folded.locator(".chart").element_handle()
    page.wait_for_function("chart => chart.layout.xaxis.type === 'linear'", arg=chart)
    assert messages == []
    page.close()


def test_play_moves_the_rings_and_a_click_on_a_picture_enlarges_it(report, browser):
    page, messages, _ = opened(browser, report, viewport={"width": 1200, "height": 900})
    place = "[...document.querySelectorAll('#rings circle')].map(each => each.getAttribute('cx')).join()"
    end = page.evaluate(place)
    page.click(".player button")
    start = page.evaluate(place)
    assert start != end
    page.wait_for_function(f"{place} !== {start!r}")
    page.click(".player button")  # stop
    stopped = page.evaluate(place)
    page.wait_for_timeout(400)
    assert page.evaluate(place) == stopped
    image = page.locator("section img").first
    before = image.bounding_box()["width"]
    image.click()
    assert image.bounding_box()["width"] > 1.8 * before and messages == []
    page.close()
