"""The plots of a run: files in its folder, sections of its page, and rings with a slider."""

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
from grok.reports.modular.maps import Maps
from grok.reports.modular.ring_gallery import NO_RING
from grok.reports.modular.spectrum import Spectrum
from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, PALETTE
from grok.science.modular import rings
from tests.conftest import ADDITION, assert_drawn, trained_in
from tests.reports.conftest import opened

PLOTS = {"progress.png", "rings.png", "spectrum.png", "maps.png"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a run of modular addition, trained once."""
    return trained_in(tmp_path_factory.mktemp("trained") / "run", *ADDITION, "optimizer.lr=0.01")


@pytest.fixture
def drawn(monkeypatch) -> list:
    """The figures that `Maps` and `Spectrum` draw, instead of files."""
    figures = []
    for module in ("maps", "spectrum"):
        monkeypatch.setattr(
            f"grok.reports.modular.{module}.save_figure", lambda figure, path, vector: figures.append(figure)
        )
    return figures


def test_a_run_writes_its_plots(trained):
    assert {path.name for path in trained.iterdir()} >= PLOTS
    for name in PLOTS:
        assert_drawn(trained / name)


def test_the_page_of_a_run_shows_its_plots_without_requests(trained, browser):
    page, messages, requests = opened(browser, trained / "report.html")
    titles = page.locator("section h2").all_text_contents()
    assert {"Progress measures", "Rings of the embedding", "Attention and neurons at the end"} <= {*titles}
    images = page.locator("section img")
    assert images.count() == 3 and all(image.evaluate("image => image.naturalWidth") > 500 for image in images.all())
    assert messages == [] and requests == []
    page.close()


def test_the_slider_moves_the_residues_to_their_positions_at_its_step(trained, browser):
    page, messages, _ = opened(browser, trained / "report.html")
    record = grok.load(trained)
    last = record.isel(step=-1)
    keys = last["frequency"][last["key_frequency"].values > 0]
    shown = keys[np.argsort(-last["embedding_power"].sel(frequency=keys).values)][:6].sortby("frequency")
    positions = []
    for move in ("", "range.value = 0; range.dispatchEvent(new Event('input'))"):
        page.locator("#ring-slider").evaluate(f"range => {{ {move} }}")
        snapshot = record.sel(frequency=shown, step=int(page.locator("#ring-step").text_content()))
        assert snapshot["step"] == (0 if move else 60)
        circles = page.locator("#rings circle").evaluate_all(
            "all => all.map(c => ['cx', 'cy'].map(x => +c.getAttribute(x)))"
        )
        positions.append(np.array(circles).reshape(-1, 23, 2) * (1, -1))  # the page's y axis points down
        recorded = snapshot["ring"].transpose("frequency", "residue", "axis")
        np.testing.assert_allclose(positions[-1], recorded, atol=1e-3)
        captions = page.locator("#rings figcaption").all_text_contents()
        numbers = [[float(number) for number in re.findall(r"[\d.]+", caption)] for caption in captions]
        np.testing.assert_allclose(numbers, np.stack([shown, snapshot["ring_circularity"]], 1), atol=0.006)
    assert np.abs(positions[0] - positions[1]).max() > 0.01 and messages == []
    labels = page.locator("#rings text").all_text_contents()
    assert labels == [str(residue) for k in shown.values.tolist() for residue in rings.ring_order(23)[k - 1].tolist()]
    fills = page.locator("#rings circle").evaluate_all("all => all.map(c => c.getAttribute('fill'))")
    wheel = [to_hex(colormaps["twilight"](place / 23)) for place in range(23)]
    assert fills == [wheel[k * t % 23] for k in shown.values.tolist() for t in range(23)]
    page.close()


@pytest.mark.parametrize("shares", [[0.95, 0.86, 0.84], [0.85, 0.4, 0.3]])
def test_maps_show_only_neurons_that_a_frequency_explains_with_the_explained_share(shares, tmp_path, drawn):
    """The map of an unexplained neuron is noise, which could be mistaken for a mechanism."""
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
    titles = [axes.get_title() for axes in drawn[0].axes if axes.images]
    heads, neurons = titles[:2], titles[2:]
    assert heads == [f"head {head}: attention to a" for head in range(2)]
    explained = ["a neuron of k = 2,\n95 % explained", "a neuron of k = 1,\n86 % explained"]
    assert neurons == (explained if shares[0] > 0.9 else [])
    assert bool(drawn[0].texts) == (not neurons)


def test_key_frequencies_are_colored_and_labeled_and_strong_frequencies_that_are_not_key_are_gray(tmp_path, drawn):
    """Of five frequencies, 2 and 5 are key at the end, and 1 was never strong. 3 was strong and died out; its
    coefficient is negative, which is allowed. 4 is strong at the end but not key."""
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
    shares, amplitudes = drawn[0].axes[:2]
    curves = {tuple(line.get_ydata()): line.get_color() for line in amplitudes.lines if len(line.get_xdata()) == 3}
    assert {curve[:2]: color for curve, color in curves.items()} == {
        (0.2, 0.9): PALETTE[0],
        (0.9, 9): PALETTE[1],
        (0.6, 0.1): GRAY,
        (0.1, 2): GRAY,
    }
    assert amplitudes.get_title(loc="right") == "gray: k = 3, 4, once above 0.5 and not key at the end"
    for axes in (shares, amplitudes):
        assert {text.get_text(): text.get_color() for text in axes.texts} == {"2": PALETTE[0], "5": PALETTE[1]}


def test_the_page_of_a_sweeps_run_loads_its_plots_from_its_folder(command, tmp_path, browser):
    assert command("-m", *ADDITION, "steps=10", "plot=[rings,spectrum]", "seed=0", "hydra.sweep.dir=sweep")[0] == 0
    folder = tmp_path / "sweep" / "0"
    assert {path.name for path in folder.glob("*.png")} == {"figure.png", "rings.png", "spectrum.png"}
    assert re.findall(r'<img src="([^"]*)"', (folder / "report.html").read_text()) == ["spectrum.png"]
    page, messages, requests = opened(browser, folder / "report.html")
    images = page.locator("section img").all()
    assert all(image.evaluate("image => image.naturalWidth") > 500 for image in images)
    assert messages == [] and all(url.startswith(f"{(tmp_path / 'sweep').as_uri()}/") for url in requests)
    page.close()


def test_a_run_that_diverged_at_once_writes_its_files_and_its_page_reports_that_it_has_no_rings(add, browser):
    folder = add("optimizer.lr=1e6", "steps=3")
    assert {path.name for path in folder.iterdir()} >= PLOTS | {"report.html", "summary.json", "error.txt"}
    assert json.loads((folder / "summary.json").read_text())["key_frequencies"] == 0
    page, messages, _ = opened(browser, folder / "report.html")
    assert page.get_by_text(NO_RING).count() == 1 and page.locator("#rings").count() == 0
    assert messages == []
    page.close()


def test_evaluation_steps_whose_rings_exceed_half_precision_are_left_out(add, browser):
    folder = add("optimizer.lr=100", "steps=6", "plot=[rings]")
    record = grok.load(folder)
    finite = np.isfinite(record["ring"]).all(("frequency", "residue", "axis")).values
    assert finite[0] and not finite[-1] and record["key_frequency"].values[-1].any()
    page, messages, _ = opened(browser, folder / "report.html")
    assert page.locator("#ring-slider").get_attribute("max") == str(finite.sum() - 1) and messages == []
    page.close()


class Broken(Plot):
    """A plot that fails as matplotlib does: while it writes the file."""

    title, needs = "Broken", ()

    def draw(self, record, path):
        write_atomically(path, lambda part: (part.write_text("half"), np.zeros(0).max()))


def test_a_plot_that_fails_gives_a_warning_and_all_other_files_are_written(add, capsys):
    broken = f"+plot.broken._target_={__name__}.Broken"
    folder = add("steps=2", "plot=[spectrum]", broken, "measure=[circuit]")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert line.startswith("warning: plot broken was not drawn: ValueError: zero-size array to reduction")
    assert {path.name for path in folder.iterdir()} >= {"summary.json", "report.html", "record.nc", "spectrum.png"}
    assert not list(folder.glob("*broken*")) and not list(folder.glob(".*part*"))


def test_a_run_that_stopped_at_step_0_has_no_plots(add):
    low = [f"task.thresholds.{part}=1e-9" for part in ("memorization", "generalization")]
    folder = add("stop_when_grokked=true", *low)
    assert grok.load(folder)["step"].values.tolist() == [0]
    assert {path.name for path in folder.glob("*.png")} == {"figure.png"} and (folder / "report.html").exists()
