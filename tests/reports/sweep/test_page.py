"""The page of a sweep opens from disk in a real browser, and a click on the grid shows the curves."""

import numpy as np
import pytest
import xarray as xr

from grok.reports.sweep.page import sweep_page
from tests.reports.conftest import opened


def dataset(**axes) -> xr.Dataset:
    """Made-up curves over swept keys; the final test accuracy differs between the points of the grid."""
    axes = {name: list(values) for name, values in axes.items()}
    shape = [len(values) for values in axes.values()]
    final = np.linspace(0.1, 0.9, int(np.prod(shape))).reshape(shape)
    curves = np.stack([final / 4, final / 2, final], axis=-1)
    names = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
    variables = {name: ([*axes, "step"], curves) for name in names}
    variables |= {"delay": ([*axes], np.where(final > 0.5, 100 * final, np.nan))}
    variables |= {"phase": ([*axes], np.where(final > 0.5, "grokking", "confusion"))}
    variables |= {"last_step": ([*axes], np.full(shape, 100.0))}
    return xr.Dataset(variables, {**axes, "step": [0, 10, 100]}, {"name": "made up", "command": "python train.py -m"})


@pytest.fixture
def open_sweep(browser, tmp_path):
    """Open the page of a Dataset; it must have no messages, no errors and no requests."""
    pages = []

    def open_page(sweep: xr.Dataset):
        (tmp_path / "report.html").write_text(sweep_page(sweep), encoding="utf-8")
        pages.append(opened(browser, tmp_path / "report.html", embedded=False, viewport={"width": 1000, "height": 900}))
        page, _, _ = pages[-1]
        return page

    yield open_page
    for page, messages, requests in pages:
        assert messages == [] and requests == []
        page.close()


def click(page, place: int) -> None:
    """Click on the middle of a cell of the first heat map."""
    box = page.locator("#map .xy .heatmaplayer, #map .hm").first.bounding_box()
    n_columns = page.evaluate("axes[1].ticks.length")
    row, column = divmod(place, n_columns)
    n_rows = page.evaluate("axes[0].ticks.length")
    x = box["x"] + box["width"] * (column + 0.5) / n_columns
    page.mouse.click(x, box["y"] + box["height"] * (1 - (row + 0.5) / n_rows))


def test_two_keys_give_a_heat_map_and_a_click_shows_the_curves(open_sweep):
    page = open_sweep(dataset(init_scale=[0.5, 1, 2], decay=[0.0, 0.1], seed=[0, 1]))
    assert page.evaluate("map.data.map(each => each.type)") == ["heatmap"]
    z = np.array(page.evaluate("map.data[0].z"))
    assert z.shape == (3, 2) and (np.diff(z.flatten()) > 0).all()
    click(page, 5)
    assert page.locator("#where").text_content() == "init_scale = 2, decay = 0.1"
    assert page.evaluate("document.getElementById('accuracy').data.length") == 4  # train and test of both seeds
    assert page.evaluate("document.getElementById('accuracy').data[3].y") == pytest.approx([0.45, 0.9])
    page.select_option("#quantity", "phase")
    assert page.evaluate("map.data[0].colorbar.ticktext")[1] == "grokking"
    assert page.evaluate("map.data[0].z[2][1]") == 1
    page.select_option("#quantity", "delay")
    assert page.evaluate("map.data[0].z[0][0]") is None  # never


def test_one_key_gives_a_line_with_a_band_over_seeds(open_sweep):
    page = open_sweep(dataset(decay=[0.01, 0.1, 1], seed=[0, 1, 2]))
    low, high, middle = page.evaluate("map.data.map(each => each.y)")
    assert low == pytest.approx([0.1, 0.4, 0.7]) and high == pytest.approx([0.3, 0.6, 0.9])
    assert middle == pytest.approx([0.2, 0.5, 0.8])
    assert page.evaluate("map.layout.xaxis.type") == "log"


def test_three_keys_give_a_heat_map_for_each_value_of_the_third(open_sweep):
    page = open_sweep(dataset(init_scale=[1, 2], decay=[0, 1], width=[10, 20, 30, 40]))
    assert page.evaluate("map.data.length") == 4
    titles = page.evaluate("map.layout.annotations.map(each => each.text)")
    assert titles == [f"width = {width}" for width in (10, 20, 30, 40)]


def test_if_only_the_seed_is_swept_it_is_the_axis(open_sweep):
    page = open_sweep(dataset(seed=[0, 1, 2]))
    assert page.evaluate("axes[0].name") == "seed" and page.evaluate("places.length") == 3


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ({"init_scale": [0.5, 1, 2], "decay": [0, 1]}, "6 runs over 3 values of init_scale × 2 values of decay"),
        ({"decay": [0, 1], "seed": [0, 1, 2]}, "6 runs over 2 values of decay × 3 seeds"),
        ({"seed": [0, 1, 2]}, "3 runs over 3 seeds"),
        ({"run": ["0", "1"]}, "2 runs"),
    ],
)
def test_the_page_counts_the_runs_and_the_swept_values(axes, sentence):
    assert f"<p>{sentence}</p>" in sweep_page(dataset(**axes))
