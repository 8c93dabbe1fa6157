"""Plots of a toy-model run: positions of the embedding, the flow of the effective theory, and the representation."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

import grok
from grok.reports.effective_theory.embedding_paths import EmbeddingPaths, theory_flow
from tests.conftest import assert_drawn, trained_in
from tests.reports.conftest import opened

TOY = ("task=toy_addition", "model.width=16", "optimizer.lr=0.01", "evaluate={per_decade:10,every:null}", "logger=none")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    """The folder of a run with a one-dimensional embedding."""
    folder = tmp_path_factory.mktemp("toy") / "run"
    return trained_in(folder, *TOY, "steps=100", "optimizer.param_groups.embeddings.lr=0.02")


def test_a_run_has_its_plots_and_the_limits_of_its_training_set(run_dir):
    for name in ("embeddings.png", "representation.png"):
        assert_drawn(run_dir / name, min_pixels=400)
    summary = json.loads((run_dir / "summary.json").read_text())
    assert summary["nullity"] >= 2 and summary["ideal_accuracy"] <= 1 and "rqi_step" in summary


def test_the_theory_flow_starts_at_the_embedding_and_keeps_its_mean_and_std(run_dir):
    record = grok.load(run_dir)
    embedding = record["embedding"].isel(dimension=0).transpose("step", "token").values
    flow = theory_flow(record)
    np.testing.assert_allclose(flow[0], embedding[0], atol=1e-6)
    np.testing.assert_allclose(flow.mean(1), embedding.mean(1), atol=1e-6)
    np.testing.assert_allclose(flow.std(1), embedding.std(1), rtol=0.05)  # steps approximate the flow
    final = np.sort(flow[-1])
    # 100 steps at this learning rate are 2,000 at the usual one.
    assert np.diff(final).max() < 1.5 * np.diff(final).min()


def test_an_embedding_with_more_dimensions_is_drawn_in_a_plane(tmp_path):
    folder = trained_in(tmp_path / "run", *TOY, "steps=10", "model.d_embedding=5", "plot=[embeddings]")
    assert_drawn(folder / "embeddings.png", min_pixels=400)
    assert grok.load(folder)["embedding"].sizes["dimension"] == 2


def test_labels_of_tokens_with_the_same_position_do_not_overlap(tmp_path, monkeypatch):
    figures = []
    module = "grok.reports.effective_theory.embedding_paths"
    monkeypatch.setattr(f"{module}.save_figure", lambda figure, path, vector: figures.append(figure))
    positions = np.zeros((3, 10, 1)) + np.array([-1.0] + [0.3] * 8 + [1.0])[:, None]
    record = xr.Dataset({"embedding": (("step", "token", "dimension"), positions)}, {"step": [1, 10, 100]})
    EmbeddingPaths().draw(record, tmp_path / "embeddings.png")
    renderer = FigureCanvasAgg(figures[0]).get_renderer()
    figures[0].draw(renderer)
    boxes = [text.get_window_extent(renderer) for text in figures[0].axes[0].texts]
    assert len(boxes) == 10 and not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_the_slider_moves_the_tokens_to_their_positions_at_its_step(run_dir, browser):
    page, messages, requests = opened(browser, run_dir / "report.html")
    record, positions = grok.load(run_dir), []
    for action in ("", "slider.value = 0; slider.dispatchEvent(new Event('input'))"):
        page.locator("#embedding-slider").evaluate(f"slider => {{ {action} }}")
        snapshot = record["embedding"].sel(step=int(page.locator("#embedding-step").text_content()))
        shown = page.locator("#embedding-positions circle").evaluate_all("all => all.map(c => +c.getAttribute('cx'))")
        np.testing.assert_allclose(shown, snapshot.values[:, 0], atol=1e-4)
        positions.append(np.array(shown))
    assert np.abs(positions[0] - positions[1]).max() > 0.1 and messages == [] and requests == []
    page.close()


def test_play_moves_the_tokens_from_the_start_to_the_end(run_dir, browser):
    page, messages, _ = opened(browser, run_dir / "report.html")
    first, last = (f"{grok.load(run_dir)['step'].values[end]:,}" for end in (0, -1))
    shown = page.locator("#embedding-step")
    assert shown.text_content() == last
    page.click(".player button")
    assert page.locator(".player button").text_content().endswith("stop") and shown.text_content() == first
    page.wait_for_function(f"document.getElementById('embedding-step').textContent !== '{first}'")
    page.evaluate("slider => { slider.value = slider.max - 1 }", page.locator("#embedding-slider").element_handle())
    page.wait_for_function("document.querySelector('.player button').textContent.endsWith('play')")
    assert shown.text_content() == last and messages == []
    page.close()
