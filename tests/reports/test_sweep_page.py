"""The page of a sweep opens from disk in a real browser, and a click on a place shows its curves."""

import numpy as np
import pytest
import xarray as xr

from grok.reports.sweep_page import sweep_page


def dataset(**axes) -> xr.Dataset:
    """Curves over made-up keys, whose last test accuracy differs from place to place."""
    axes = {name: list(values) for name, values in axes.items()}
    shape = [len(values) for values in axes.values()]
    last = np.linspace(0.1, 0.9, int(np.prod(shape))).reshape(shape)
    curves = np.stack([last / 4, last / 2, last], axis=-1)
    names = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
    variables = {name: ([*axes, "step"], curves) for name in names}
    variables |= {"delay": ([*axes], np.where(last > 0.5, 100 * last, np.nan))}
    variables |= {"phase": ([*axes], np.where(last > 0.5, "grokking", "confusion"))}
    variables |= {"last_step": ([*axes], np.full(shape, 100.0))}
    return xr.Dataset(variables, {**axes, "step": [0, 10, 100]}, {"name": "made up", "command": "python train.py -m"})


@pytest.fixture
def opened(browser, tmp_path):
    """The page of a Dataset in a browser, which must say and ask for nothing."""
    said, asked = [], []

    def open_page(of: xr.Dataset):
        (tmp_path / "report.html").write_text(sweep_page(of), encoding="utf-8")
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "report.html").as_uri())
        return page

    yield open_page
    assert said == [] and len(asked) == 1


def click(page, place: int) -> None:
    """Click on the middle of a cell of the first heat map."""
    box = page.locator("#map .xy .heatmaplayer, #map .hm").first.bounding_box()
    columns = page.evaluate("axes[1].ticks.length")
    row, column = divmod(place, columns)
    rows = page.evaluate("axes[0].ticks.length")
    page.mouse.click(
        box["x"] + box["width"] * (column + 0.5) / columns, box["y"] + box["height"] * (1 - (row + 0.5) / rows)
    )


def test_two_keys_make_a_heat_map_and_a_click_shows_the_curves(opened):
    page = opened(dataset(init_scale=[0.5, 1, 2], decay=[0.0, 0.1], seed=[0, 1]))
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


def test_one_key_makes_a_line_with_a_band_over_seeds(opened):
    page = opened(dataset(decay=[0.01, 0.1, 1], seed=[0, 1, 2]))
    low, high, middle = page.evaluate("map.data.map(each => each.y)")
    assert low == pytest.approx([0.1, 0.4, 0.7]) and high == pytest.approx([0.3, 0.6, 0.9])
    assert middle == pytest.approx([0.2, 0.5, 0.8])
    assert page.evaluate("map.layout.xaxis.type") == "log"


def test_more_keys_make_small_maps(opened):
    page = opened(dataset(init_scale=[1, 2], decay=[0, 1], width=[10, 20, 30, 40]))
    assert page.evaluate("map.data.length") == 4
    titles = page.evaluate("map.layout.annotations.map(each => each.text)")
    assert titles == [f"width = {width}" for width in (10, 20, 30, 40)]


def test_seeds_alone_are_drawn_side_by_side(opened):
    page = opened(dataset(seed=[0, 1, 2]))
    assert page.evaluate("axes[0].name") == "seed" and page.evaluate("places.length") == 3
