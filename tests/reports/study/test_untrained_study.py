"""A study that trains nothing reads a table or a kept Dataset, and is judged and drawn like any other."""

import json
from pathlib import Path

import numpy as np
import pytest

from grok import load
from grok.checks import UserError
from grok.reports.study.data import result, table
from grok.reports.study.ledger import import_sweep

STUDY = """# @package _global_
defaults: [presets/study, _self_, {override /task: null}]
study:
  title: "Published exponents"
  papers: [Michaud et al. 2023]
  mechanism: quanta
  scales: {smoke: {}, laptop: {}, paper: {}}
  data: DATA
  figure: exponents.draw
  claims:
    below:
      claim: "Most points have a smaller exponent in parameters"
      published: {value: "most", source: "Michaud et al., App."}
      bounds: {min: 0.5, rationale: the claim itself}
      measure: {exponents.share_below: null, of: [alpha_n, alpha_d], over: [row]}
"""
FUNCTIONS = """
from matplotlib.figure import Figure

def draw(dataset, path):
    figure = Figure()
    figure.add_subplot().plot(dataset["alpha_n"], dataset["alpha_d"], "o")
    figure.savefig(path)
    return path

def share_below(rows, n, d):
    return (n < d).mean()
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that writes a study with these data into a user's own folder, and returns its arguments."""

    def written(data: str) -> tuple[str, ...]:
        (tmp_path / "conf" / "study").mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / "study" / "plane.yaml").write_text(STUDY.replace("DATA", data))
        return (f"--config-dir={tmp_path / 'conf'}", "study=plane", "hydra.sweep.dir=sweep")

    (tmp_path / "exponents.py").write_text(FUNCTIONS)
    (tmp_path / "points.csv").write_text("name,alpha_n,alpha_d\nA,0.076,0.095\nB,0.5,0.3\nC,0.1,0.2\n")
    monkeypatch.syspath_prepend(tmp_path)
    return written


def test_a_study_reads_a_table_and_has_verdicts_a_figure_and_a_result(mine, command, tmp_path):
    arguments = mine(f"{{study.data.table: {tmp_path / 'points.csv'}}}")
    for _ in range(2):  # the same command again judges it again
        assert command(*arguments)[0] in (0, None)
    sweep = tmp_path / "sweep"
    (verdict,) = json.loads((sweep / "verdict.json").read_text())
    assert verdict["measured"] == pytest.approx(2 / 3) and verdict["holds"] is True and verdict["n"] == 1
    assert (sweep / "figure.png").stat().st_size > 1000 and not (sweep / "0").exists()
    dataset = load(sweep)
    assert dataset["name"].values.tolist() == [["A", "B", "C"]] and dataset.attrs["study"] == "plane"
    with pytest.raises(UserError, match="study=plane"):
        import_sweep(sweep, tmp_path / "results")  # only studies of conf/ are results


def test_a_mistake_in_the_data_of_a_study_is_one_line_and_leaves_no_folder(mine, command, tmp_path):
    code, error = command(*mine("{study.data.table: nothing.csv}"))
    assert code == 2 and error.startswith("error: study.data: ") and error.count("\n") == 1
    code, error = command(*mine("{study.data.tabel: nothing.csv}"))
    assert code == 2 and error.startswith("error: study.data: no function study.data.tabel")
    code, error = command(*mine("exponents.share_below"))
    assert code == 2 and error.startswith("error: study.data: share_below takes (rows, n, d)")
    (tmp_path / "points.csv").write_text("name,alpha_n\nA,1\n")
    code, error = command(*mine(f"{{study.data.table: {tmp_path / 'points.csv'}}}"))
    assert code == 2 and "alpha_d" in error and error.count("\n") == 1
    assert not (tmp_path / "sweep" / "verdict.json").exists()


def test_a_table_has_numbers_and_texts_along_its_rows(tmp_path):
    (tmp_path / "t.csv").write_text('name,x\n"A, B",1\nC,\n')
    found = table(path=str(tmp_path / "t.csv"))
    assert found["name"].values.tolist() == ["A, B", "C"]
    np.testing.assert_array_equal(found["x"], [1, np.nan])
    (tmp_path / "t.csv").write_text("name,x\nA,1\nC\n")
    with pytest.raises(UserError, match="cannot be read as a table"):
        table(path=str(tmp_path / "t.csv"))


def test_a_result_is_read_by_its_study_and_scale():
    assert result(study="quanta_emergence", scale="laptop").attrs["scale"] == "laptop"
    with pytest.raises(UserError, match="no record"):
        result(study="quanta_emergence", scale="huge")
