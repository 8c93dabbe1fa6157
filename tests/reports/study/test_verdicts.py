"""Verdicts as text, and the kept verdicts, which follow from the kept records."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from rich.console import Console

import grok
from grok.reports.study.ledger import load_study, result_folders
from grok.reports.study.study import Study
from grok.reports.study.verdicts import markdown_table
from grok.science.statistics.curves import first_reaching
from tests.conftest import ROOT
from tests.reports.study.conftest import DECLARED, claim

RESULTS = result_folders(ROOT / "results")


def test_a_missing_value_is_none_in_the_table(dataset):
    verdict = claim(measure=lambda steps, values: first_reaching(steps, values, level=99.0)).judge(dataset, "paper")
    assert "| none | 3 | **no** |" in markdown_table([verdict])


def test_one_seed_has_no_interval(dataset):
    verdict = claim().judge(dataset.isel(seed=[0]), "paper")
    assert verdict["low"] is verdict["high"] is None and "| 1 | 1 |" in markdown_table([verdict])


def test_the_tables_show_no_value_for_a_claim_that_is_not_judged_and_give_the_reason(dataset, tmp_path):
    console = Console(record=True, width=200, file=StringIO())
    study = Study(
        title="t",
        **DECLARED,
        scales={},
        preset={},
        figure=lambda dataset, path: path,
        claims={"c": claim(published="one")},
    )
    for scale, shown in (("laptop", "3 (1 – 5)"), ("smoke", "–")):
        (verdict,) = study.report(dataset.assign_attrs(scale=scale), tmp_path, console)
        assert verdict["measured"] == 3 and (verdict["holds"] is None) == (scale == "smoke")
        assert json.loads((tmp_path / "verdict.json").read_text()) == [verdict]
        assert f"| one | ≤ 5 | {shown} | 3 |" in markdown_table([verdict])
        line = "ours 3 (1 – 5); published one" if scale == "laptop" else "not judged: too short"
        assert f"\n  {line}" in console.export_text()
    assert "not judged at scale smoke: too short" in markdown_table([verdict])


def test_the_markdown_table_counts_the_claims_that_hold_and_shows_both_bounds(dataset):
    table = markdown_table([claim(bound_min=2.0).judge(dataset, scale) for scale in ("laptop", "smoke")])
    assert table.startswith("1 claims are judged: 1 hold, 0 do not. 1 more claims need another scale.")
    assert "| 2 – 5 |" in table


SAVE = Figure.savefig


def save_small(figure: Figure, target: Any, **options: Any) -> None:
    """Save a figure with few pixels and with an empty PDF, which takes half as long."""
    if isinstance(target, Path) and target.suffix == ".pdf":
        target.touch()
    else:
        SAVE(figure, target, **options | {"dpi": 40})


@pytest.mark.parametrize("folder", RESULTS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_the_kept_verdicts_follow_from_the_kept_records(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Figure, "savefig", save_small)
    dataset = grok.load(folder)
    study = load_study(dataset.attrs["study"], dataset.attrs["scale"])
    kept = json.loads((folder / "verdict.json").read_text())
    files = [each.pop("files", None) for each in kept]
    judged = study.report(dataset, tmp_path, Console(quiet=True))
    assert [each.pop("files", None) for each in judged] == files
    assert judged == [pytest.approx(each) for each in kept]
    assert dataset.attrs["command"].startswith("python train.py ")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
