"""Kept results are small, and have what verdicts and figures need."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from grok.reports.study.study import Study
from grok.reports.study.thin import MAX_PICTURE_BYTES, compact_picture, thin
from tests.conftest import ROOT
from tests.reports.study.conftest import DECLARED, claim

RESULTS = ROOT / "results"
MEGABYTE = 1_000_000
LARGE_STUDIES = {  # older than the limit, with claims on 983,040 losses of tokens, or kept at two scales
    "effective_theory_default",
    "language_tokens",
    "modular_addition",
    "quanta_convergence",
    "quanta_exponents",
    "quanta_scaling_data",
    "quanta_scaling_parameters",
    "quanta_scaling_steps",
    "skill_emergence",
    "teacher_student_landscape",
}


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_all_results_together_are_small():
    assert size(RESULTS) <= 13 * MEGABYTE
    assert all(path.stat().st_size <= MAX_PICTURE_BYTES for path in RESULTS.rglob("*.png"))


def test_a_new_study_is_small():
    sizes = {folder.name: size(folder) for folder in RESULTS.iterdir() if folder.is_dir()}
    assert {name for name, size in sizes.items() if size > 0.3 * MEGABYTE} <= LARGE_STUDIES


def test_only_what_a_claim_or_the_figure_reads_is_kept_and_verdicts_agree(dataset):
    many = xr.DataArray(np.random.default_rng(0).normal(size=(*dataset["test_loss"].shape, 500)), dims=None)
    extra = (*dataset["test_loss"].dims, "subtask")
    full = dataset.assign(subtask_loss=(extra, many.values), unused=dataset["test_loss"]).assign_attrs(scale="laptop")

    def figure(shown: xr.Dataset, path: Path) -> Path:
        path.write_bytes(f"{shown['subtask_loss'].shape}".encode())
        return path

    study = Study(title="t", **DECLARED, scales={}, preset={}, figure=figure, claims={"c": claim()})
    kept = thin(full, study)
    assert "subtask_loss" in kept and "unused" not in kept and kept["subtask_loss"].dtype == np.float32
    (before,), (after,) = study.judge(full), study.judge(kept)
    assert before["holds"] == after["holds"] and before["measured"] == pytest.approx(after["measured"], rel=1e-3)
    np.testing.assert_allclose(kept["subtask_loss"], full["subtask_loss"], rtol=2e-3)


def test_rows_of_a_very_large_array_that_nothing_reads_are_left_blank(dataset, monkeypatch):
    monkeypatch.setattr("grok.reports.study.thin.MAX_UNREAD", 1000)
    runs = [dim for dim in dataset["test_loss"].dims if dim != "step"]
    shape = (*(dataset.sizes[dim] for dim in runs), 400, 3)
    texts = xr.DataArray(np.random.default_rng(0).normal(size=shape), dims=(*runs, "sample", "byte"))

    def figure(shown: xr.Dataset, path: Path) -> Path:
        path.write_bytes(shown["text"].values[..., 250, :].tobytes() + shown["curve"].values[:1].tobytes())
        return path

    study = Study(title="t", **DECLARED, scales={}, preset={}, figure=figure, claims={"c": claim()})
    curve = ("point", np.ones(2000))  # has no rows
    found = thin(dataset.assign(text=texts, curve=curve).assign_attrs(scale="laptop"), study)
    kept = found["text"].transpose(*texts.dims)
    assert np.isfinite(found["curve"]).all()
    blank = np.isnan(kept).all("byte").sum("sample")
    assert (blank == 300).all()
    np.testing.assert_allclose(kept[..., 200:300, :], texts[..., 200:300, :], rtol=2e-3)


def test_a_picture_keeps_its_content_with_a_palette(tmp_path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4))
    figure.add_subplot().plot(np.sin(np.arange(300) / 20), color="#0072b2")
    figure.savefig(tmp_path / "figure.png", dpi=200)
    before, bytes_before = imread(tmp_path / "figure.png")[..., :3], (tmp_path / "figure.png").stat().st_size
    compact_picture(tmp_path / "figure.png")
    after = imread(tmp_path / "figure.png")[..., :3]
    assert after.shape == before.shape and np.abs(after - before).mean() < 0.01
    assert (tmp_path / "figure.png").stat().st_size < bytes_before


def test_a_rare_color_stays_what_the_legend_says(tmp_path):
    """Among a hundred colored lines, as in the figures of subtasks, a few orange points stay orange."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4))
    axes, colors = figure.add_subplot(), matplotlib.colormaps["viridis"](np.linspace(0, 1, 100))
    for number, color in enumerate(colors):
        axes.plot(np.sin(np.arange(300) / 20 + number / 30), color=color)
    axes.plot([10, 20, 30], [1.5, 1.6, 1.7], "o", color="#d55e00", ms=4)
    figure.savefig(tmp_path / "figure.png", dpi=200)
    before = imread(tmp_path / "figure.png")[..., :3]
    compact_picture(tmp_path / "figure.png")
    after, is_orange = imread(tmp_path / "figure.png")[..., :3], (np.abs(before - [0.835, 0.369, 0]) < 0.01).all(-1)
    assert after.shape == before.shape and is_orange.sum() > 100
    assert np.abs(after - before)[is_orange].max() < 0.08
