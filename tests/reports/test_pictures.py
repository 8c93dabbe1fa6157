"""The pictures that a task asks for: files in the folder, sections of the page, rings that a slider moves."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import to_hex

import grok
from grok.records.files import write_atomically
from grok.reports.maps import Maps
from grok.reports.ring_gallery import NO_RING
from grok.reports.spectrum import Spectrum
from grok.reports.style import LINES, NEUTRAL
from grok.science import rings
from tests.conftest import ADDITION, assert_drawn, trained_in

PICTURES = {"progress.png", "rings.png", "spectrum.png", "maps.png"}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run of modular addition, made once."""
    return trained_in(tmp_path_factory.mktemp("made") / "run", *ADDITION, "optimizer.lr=0.01")


def opened(browser, file: Path):
    """The page, everything that it said, and everything that it asked for beyond itself."""
    page = browser.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    return page, said, [url for url in asked if url != file.as_uri() and not url.startswith("data:")]


def test_a_run_leaves_its_pictures(made):
    assert {path.name for path in made.iterdir()} >= PICTURES
    for name in PICTURES:
        assert_drawn(made / name)


def test_the_page_of_a_run_holds_its_pictures_and_asks_for_nothing(made, browser):
    page, said, asked = opened(browser, made / "report.html")
    titles = page.locator("section h2").all_text_contents()
    assert {"Progress measures", "Rings of the embedding", "Attention and neurons at the end"} <= {*titles}
    images = page.locator("section img")
    assert images.count() == 3 and all(image.evaluate("image => image.naturalWidth") > 500 for image in images.all())
    assert said == [] and asked == []
    page.close()


def test_the_slider_moves_the_residues_to_their_places_at_its_look(made, browser):
    page, said, _ = opened(browser, made / "report.html")
    record = grok.load(made)
    at_the_end = record.isel(step=-1)
    keys = at_the_end["frequency"][at_the_end["key_frequency"].values > 0]
    drawn = keys[np.argsort(-at_the_end["embedding_power"].sel(frequency=keys).values)][:6].sortby("frequency")
    places = []
    for move in ("", "range.value = 0; range.dispatchEvent(new Event('input'))"):
        page.locator("#ring-look").evaluate(f"range => {{ {move} }}")
        now = record.sel(frequency=drawn, step=int(page.locator("#ring-step").text_content()))
        assert now["step"] == (0 if move else 60)
        circles = page.locator("#rings circle").evaluate_all(
            "all => all.map(c => ['cx', 'cy'].map(x => +c.getAttribute(x)))"
        )
        places.append(np.array(circles).reshape(-1, 23, 2) * (1, -1))  # the page's y axis points down
        np.testing.assert_allclose(places[-1], now["ring"].transpose("frequency", "residue", "axis"), atol=1e-3)
        captions = page.locator("#rings figcaption").all_text_contents()
        numbers = [[float(number) for number in re.findall(r"[\d.]+", caption)] for caption in captions]
        np.testing.assert_allclose(numbers, np.stack([drawn, now["ring_circularity"]], 1), atol=0.006)
    assert np.abs(places[0] - places[1]).max() > 0.01 and said == []
    names = page.locator("#rings text").all_text_contents()
    assert names == [str(residue) for k in drawn.values.tolist() for residue in rings.order(23)[k - 1].tolist()]
    fills = page.locator("#rings circle").evaluate_all("all => all.map(c => c.getAttribute('fill'))")
    wheel = [to_hex(colormaps["twilight"](place / 23)) for place in range(23)]
    assert fills == [wheel[k * t % 23] for k in drawn.values.tolist() for t in range(23)]
    page.close()


@pytest.mark.parametrize("shares", [[0.95, 0.86, 0.84], [0.85, 0.4, 0.3]])
def test_maps_are_of_the_neurons_that_a_frequency_explains_and_say_how_much(shares, tmp_path, monkeypatch):
    """An unexplained neuron's map is noise, which is not to be taken for a mechanism."""
    figures = []
    monkeypatch.setattr("grok.reports.maps.save", lambda figure, path, vector: figures.append(figure))
    record = xr.Dataset(
        {
            "attention_pattern": (("head", "position", "a", "b"), np.full((2, 3, 5, 5), 1 / 3)),
            "neuron_map": (("map", "a", "b"), np.random.default_rng(0).random((3, 5, 5))),
            "neuron_map_frequency": ("map", [2, 1, 7]),
            "neuron_map_share": ("map", shares),
        },
        {"head": [0, 1], "position": ["a", "b", "="], "map": [0, 1, 2]},
    )
    Maps().draw(record, tmp_path / "maps.png")
    titles = [axes.get_title() for axes in figures[0].axes if axes.images]
    heads, mapped = titles[:2], titles[2:]
    assert heads == [f"head {head}: attention to a" for head in range(2)]
    explained = ["a neuron of k = 2,\n95 % explained", "a neuron of k = 1,\n86 % explained"]
    assert mapped == (explained if shares[0] > 0.9 else [])
    assert bool(figures[0].texts) == (not mapped)


def test_key_frequencies_are_coloured_and_named_and_the_strong_that_were_lost_are_grey(tmp_path, monkeypatch):
    """Of five: 2 and 5 are key at the end, 3 was strong and died (negative, as a coefficient may be), 1 never was
    strong, and 4 still is without being key."""
    figures = []
    monkeypatch.setattr("grok.reports.spectrum.save", lambda figure, path, vector: figures.append(figure))
    alpha = [[0, 0, 0, 0, 0], [0.1, 0.2, -0.6, 0.1, 0.9], [0.4, 0.9, -0.1, 2, 9], [0.1, 8, 0, 3, np.nan]]
    record = xr.Dataset(
        {
            "embedding_power": (("step", "frequency"), np.full((4, 5), 0.2)),
            "key_frequency": (("step", "frequency"), [[1, 1, 1, 1, 1]] * 3 + [[0, 1, 0, 0, 1]]),
            "trigonometric_coefficient": (("step", "frequency"), alpha),
        },
        {"step": [0, 10, 100, 1000], "frequency": [1, 2, 3, 4, 5]},
    )
    Spectrum().draw(record, tmp_path / "spectrum.png")
    shares, amplitudes = figures[0].axes[:2]
    curves = {tuple(line.get_ydata()): line.get_color() for line in amplitudes.lines if len(line.get_xdata()) == 3}
    assert {curve[:2]: colour for curve, colour in curves.items()} == {
        (0.2, 0.9): LINES[0],
        (0.9, 9): LINES[1],
        (0.6, 0.1): NEUTRAL,
        (0.1, 2): NEUTRAL,
    }
    assert amplitudes.get_title(loc="right") == "grey: k = 3, 4, once above 0.5 and not key at the end"
    for axes in (shares, amplitudes):
        assert {text.get_text(): text.get_color() for text in axes.texts} == {"2": LINES[0], "5": LINES[1]}


def test_the_pages_of_a_sweeps_cells_show_the_pictures_beside_them(command, tmp_path, browser):
    assert command("-m", *ADDITION, "steps=10", "picture=[rings,spectrum]", "seed=0", "hydra.sweep.dir=sweep")[0] == 0
    cell = tmp_path / "sweep" / "0"
    assert {path.name for path in cell.glob("*.png")} == {"figure.png", "rings.png", "spectrum.png"}
    assert re.findall(r'<img src="([^"]*)"', (cell / "report.html").read_text()) == ["spectrum.png"]
    page, said, asked = opened(browser, cell / "report.html")
    assert all(image.evaluate("image => image.naturalWidth") > 500 for image in page.locator("section img").all())
    assert said == [] and all(url.startswith(f"{(tmp_path / 'sweep').as_uri()}/") for url in asked)
    page.close()


def test_a_run_that_diverged_at_once_leaves_its_files_and_says_that_it_has_no_rings(add, browser):
    folder = add("optimizer.lr=1e6", "steps=3")
    assert {path.name for path in folder.iterdir()} >= PICTURES | {"report.html", "summary.json", "error.txt"}
    assert json.loads((folder / "summary.json").read_text())["key_frequencies"] == 0
    page, said, _ = opened(browser, folder / "report.html")
    assert page.get_by_text(NO_RING).count() == 1 and page.locator("#rings").count() == 0 and said == []
    page.close()


def test_looks_whose_rings_are_too_large_for_half_precision_are_left_out(add, browser):
    folder = add("optimizer.lr=100", "steps=6", "picture=[rings]")
    record = grok.load(folder)
    finite = np.isfinite(record["ring"]).all(("frequency", "residue", "axis")).values
    assert finite[0] and not finite[-1] and record["key_frequency"].values[-1].any()
    page, said, _ = opened(browser, folder / "report.html")
    assert page.locator("#ring-look").get_attribute("max") == str(finite.sum() - 1) and said == []
    page.close()


class Broken:
    """Fails as matplotlib does: while it writes the file."""

    title, needs = "Broken", ()

    def draw(self, record, path):
        write_atomically(path, lambda part: (part.write_text("half"), np.zeros(0).max()))


def test_a_picture_that_fails_is_told_in_a_line_and_costs_nothing_else(add, capsys):
    broken = f"+picture.broken._target_={__name__}.Broken"
    folder = add("steps=2", "picture=[spectrum]", broken, "measure=[performance,circuit]")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert line.startswith("warning: picture broken was not drawn: ValueError: zero-size array to reduction")
    assert {path.name for path in folder.iterdir()} >= {"summary.json", "report.html", "record.nc", "spectrum.png"}
    assert not list(folder.glob("*broken*")) and not list(folder.glob(".*part*"))


def test_a_run_that_stopped_before_its_first_step_has_nothing_to_draw(add):
    low = [f"task.thresholds.{part}=1e-9" for part in ("memorization", "generalization")]
    folder = add("stop_when_grokked=true", *low)
    assert grok.load(folder)["step"].values.tolist() == [0]
    assert {path.name for path in folder.glob("*.png")} == {"figure.png"} and (folder / "report.html").exists()
